package webhooks

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Policy says where events may go: to public addresses over https, and to what the operator has named.
type Policy struct {
	http     bool
	hosts    []string // lower case, without a port
	networks []netip.Prefix
}

// NewPolicy returns a policy. allow are hosts, addresses and networks (CIDR) that are taken for public; plainHTTP lets http be
// spoken. Error: about an entry that is none of these.
func NewPolicy(plainHTTP bool, allow []string) (*Policy, error) {
	p := &Policy{http: plainHTTP}
	for _, text := range allow {
		if n, err := netip.ParsePrefix(text); err == nil {
			p.networks = append(p.networks, n.Masked())
		} else if a, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
			a = a.Unmap()
			p.networks = append(p.networks, netip.PrefixFrom(a, a.BitLen()))
		} else if text == "" || strings.ContainsAny(text, " /@?#[]*:") {
			return nil, fmt.Errorf("webhooks: %q is neither a host, an address nor a network", text)
		} else {
			p.hosts = append(p.hosts, strings.ToLower(text))
		}
	}
	return p, nil
}

// maxURL is the longest address of a webhook, in bytes.
const maxURL = 2048

// Faults of an address.
var (
	errNotPublic = errors.New("is not a public address")
	errPort      = errors.New("is a port of other services: 443 and those from 1024 up may be used")
)

// Check judges the address of a webhook as far as it says itself where it leads, and returns its host with the port. What it
// names is judged again, as it then resolves, whenever a connection is made.
func (p *Policy) Check(address string) (host string, err error) {
	if len(address) > maxURL {
		return "", fmt.Errorf("must have at most %d characters", maxURL)
	}
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Opaque != "":
		return "", errors.New("must be an address as in https://example.org/hook")
	case u.Scheme != "https" && !(u.Scheme == "http" && p.http):
		if u.Scheme == "http" {
			return "", errors.New("must begin with https://")
		}
		return "", errors.New("must be an address as in https://example.org/hook")
	case u.User != nil:
		return "", errors.New("must not hold a name or password: every event is signed")
	case u.Fragment != "" || strings.Contains(address, "#"):
		return "", errors.New("must not have a fragment: it would not be sent")
	}
	name := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	if strings.ContainsFunc(name, func(r rune) bool { return r > 0x7e || r <= ' ' }) {
		return "", errors.New("must write the host in ASCII, as in xn--bcher-kva.example")
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return "", errors.New("must have a port from 1 to 65535")
	}
	return net.JoinHostPort(name, port), p.checkHost(name, portOf(port))
}

// checkHost judges a host by its name. One that networks are allowed for may lead to them: that is seen when it is resolved.
func (p *Policy) checkHost(name string, port uint16) error {
	addr, err := netip.ParseAddr(name)
	switch {
	case err == nil:
		return p.allow(name, netip.AddrPortFrom(addr, port))
	case slices.Contains(p.hosts, name) || len(p.networks) > 0:
		return nil
	case local(name):
		return errNotPublic
	case !goodPort(port):
		return errPort
	}
	return nil
}

// local reports whether a name never leads to a public address (RFC 6761, RFC 6762, RFC 8375, and a name without a dot).
func local(name string) bool {
	return !strings.Contains(name, ".") || slices.ContainsFunc([]string{".localhost", ".local", ".internal", ".home.arpa", ".invalid", ".test"},
		func(suffix string) bool { return strings.HasSuffix(name, suffix) })
}

func portOf(text string) uint16 {
	n, _ := strconv.ParseUint(text, 10, 16) // checked before
	return uint16(n)
}

// goodPort reports whether a port may be one of a web server: no mail server, database of old or the like is to be written to.
func goodPort(port uint16) bool { return port == 443 || port == 80 || port >= 1024 }

// allow judges where a connection is about to go. host is the name that was resolved.
func (p *Policy) allow(host string, to netip.AddrPort) error {
	addr := to.Addr().Unmap().WithZone("")
	if slices.Contains(p.hosts, strings.ToLower(host)) || slices.ContainsFunc(p.networks, func(n netip.Prefix) bool { return n.Contains(addr) }) {
		return nil
	}
	switch {
	case !Public(to.Addr()):
		return errNotPublic
	case !goodPort(to.Port()):
		return errPort
	}
	return nil
}

// The networks that are not public: the registries of special-purpose addresses (RFC 6890, IANA), and the ways in which IPv6 wraps
// addresses of IPv4. Of IPv6 only 2000::/3 is handed out for the Internet at all.
var (
	special4 = prefixes("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
		"192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
		"224.0.0.0/4", "240.0.0.0/4")
	global6  = netip.MustParsePrefix("2000::/3")
	special6 = prefixes("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, text := range list {
		out[i] = netip.MustParsePrefix(text)
	}
	return out
}

// Public reports whether an address is one of the public Internet: none that is private, of this host, of a link or a group, shared by a
// carrier, reserved or for documentation, nor one of IPv6 that stands for one of IPv4, whose translator may stand inside.
func Public(a netip.Addr) bool {
	if !a.IsValid() || a.Zone() != "" {
		return false
	}
	if a.Is4() {
		return !slices.ContainsFunc(special4, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	if a.Is4In6() {
		return false
	}
	return global6.Contains(a) && !slices.ContainsFunc(special6, func(p netip.Prefix) bool { return p.Contains(a) })
}
