//go:build linux

package main

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Addresses of the cluster, all of which are on the loopback interface of its own network: 10.0.0.0/8 is local there, as 127.0.0.0/8 is.
const (
	hostIP   = "10.0.0.1"      // of the API server, the node and KEDA
	services = "10.96.0.0/16"  // addresses of Services
	podRange = "10.244.0.0"    // the pods' addresses count from here
	clusterD = "cluster.local" // the domain of the cluster
	hosts    = "/etc/hosts"    // names of Services
)

// settle makes the new namespaces fit to live in: loopback is up and has the cluster's addresses, /proc tells of the processes in here, and the hosts file
// is one of our own.
func settle(scratch string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keep mounts to ourselves: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	own := filepath.Join(scratch, "hosts")
	if err := os.WriteFile(own, []byte("127.0.0.1 localhost\n"), 0o644); err != nil {
		return err
	}
	if err := unix.Mount(own, hosts, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("bind %s: %w", hosts, err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	up, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	up.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, up); err != nil {
		return fmt.Errorf("loopback up: %w", err)
	}
	for _, set := range []struct {
		request uint
		addr    string
	}{{unix.SIOCSIFADDR, hostIP}, {unix.SIOCSIFNETMASK, "255.0.0.0"}} {
		r, err := unix.NewIfreq("lo:0")
		if err != nil {
			return err
		}
		if err := r.SetInet4Addr(netip.MustParseAddr(set.addr).AsSlice()); err != nil {
			return err
		}
		if err := unix.IoctlIfreq(fd, set.request, r); err != nil {
			return fmt.Errorf("address %s of loopback: %w", set.addr, err)
		}
	}
	return nil
}
