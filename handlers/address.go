package handlers

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
)

// base returns the scheme, host and leading path by which a client reaches this server, without a slash at the end: what
// Config.PublicURL says; else what a trusted proxy says of the client's request; else what the client itself has asked for,
// where that is an address. A name that anyone may send in a Host header is not passed on: the address at which the
// connection came in stands in for it.
func (a *API) base(c *gin.Context) *url.URL {
	if a.public != nil {
		u := *a.public
		return &u
	}
	u := &url.URL{Scheme: "http", Host: c.Request.Host}
	if c.Request.TLS != nil {
		u.Scheme = "https"
	}
	if a.trusts(c.Request.RemoteAddr) {
		if host := c.GetHeader("X-Forwarded-Host"); host != "" {
			u.Host = strings.TrimSpace(host[strings.LastIndexByte(host, ',')+1:]) // the proxy's own word, behind what it was sent
		}
		first, _, _ := strings.Cut(c.GetHeader("X-Forwarded-Proto"), ",") // of the proxy next to the client
		if scheme := strings.ToLower(strings.TrimSpace(first)); scheme == "http" || scheme == "https" {
			u.Scheme = scheme
		}
		if wellFormedHost(u.Host) {
			return u
		}
	}
	if !isAddress(u.Host) {
		if local, ok := c.Request.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
			u.Host = local.String()
		}
	}
	return u
}

// trusts reports whether the other end of a connection is a proxy whose word is taken (Config.TrustedProxies).
func (a *API) trusts(remote string) bool {
	addr, err := netip.ParseAddrPort(remote)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(a.proxies, func(p netip.Prefix) bool { return p.Contains(addr.Addr().Unmap().WithZone("")) })
}

// wellFormedHost reports whether a text is a name or an address, with or without a port, and nothing else.
func wellFormedHost(host string) bool {
	u, err := url.Parse("//" + host)
	return err == nil && host != "" && u.Host == host && u.Hostname() != ""
}

// isAddress reports whether a host is an IP address or localhost, with or without a port: no other name leads there.
func isAddress(host string) bool {
	if !wellFormedHost(host) {
		return false
	}
	name := (&url.URL{Host: host}).Hostname()
	_, err := netip.ParseAddr(name)
	return err == nil || name == "localhost" || strings.HasSuffix(name, ".localhost") // RFC 6761, 6.3
}

// networks reads addresses and networks that were checked before (gin.Engine.SetTrustedProxies).
func networks(list []string) []netip.Prefix {
	var out []netip.Prefix
	for _, text := range list {
		if p, err := netip.ParsePrefix(text); err == nil {
			out = append(out, p.Masked())
		} else if addr, err := netip.ParseAddr(text); err == nil {
			addr = addr.Unmap()
			out = append(out, netip.PrefixFrom(addr, addr.BitLen()))
		}
	}
	return out
}
