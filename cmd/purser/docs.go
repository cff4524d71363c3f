package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/purserhq/purser"
	"github.com/purserhq/purser/internal/manual"
	"github.com/purserhq/purser/internal/sandbox"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/walletapi"
)

// newDocs is `purser docs`: the manual as files.
func newDocs(p *program) *cobra.Command {
	var folder string
	command := &cobra.Command{
		Use:   "docs",
		Short: "Write the manual into a folder, as a site",
		Long: "Writes all of this program's documentation with the reference of the API as HTML: open index.html in it, or have any\n" +
			"web server answer with the folder. A running server answers with the same at /docs, and in a sandbox each call can be\n" +
			"tried there.",
		Example: "  purser docs --out ./manual",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if folder == "" {
				return errors.New("--out names the folder to write into")
			}
			files, err := manual.New(manual.Options{Files: purser.Manual, Exchanges: purser.Exchanges, Version: version()}).Write(folder)
			if err == nil {
				fmt.Fprintf(p.out, "%d files; begin with %s\n", files, filepath.Join(folder, "index.html"))
			}
			return err
		},
	}
	command.Flags().StringVar(&folder, "out", "", "`folder` to write into; it is made, or empty, or holds an earlier manual")
	return command
}

// manual is the documentation that a server for production answers with.
func (s *server) manual() *manual.Site {
	return manual.New(manual.Options{Files: purser.Manual, Exchanges: purser.Exchanges, Version: version(), Log: s.log})
}

// sampleWorld is a world that is open, and who is in it.
type sampleWorld struct {
	service  *service.Service
	manifest *sandbox.Manifest
}

// sandboxManual is the documentation in which requests can be tried. It stands outside of the sandbox's doors, and sends its
// requests through them like anybody else.
func (s *server) sandboxManual() *manual.Site {
	world := func() sampleWorld {
		if w := s.box.world.Load(); w != nil {
			return *w
		}
		return sampleWorld{manifest: &sandbox.Manifest{}} // it is not open yet
	}
	folder := ""
	if filepath.Clean(s.config.data) != filepath.Clean(defaultData) {
		folder = s.config.data
	}
	return manual.New(manual.Options{Files: purser.Manual, Exchanges: purser.Exchanges, Version: version(), Log: s.log, Sandbox: &manual.Sandbox{
		Names: func() []string { return world().manifest.Names() },
		Credentials: func(name string) (walletapi.MAC, bool) {
			id, key, ok := world().manifest.Credentials(name)
			return walletapi.MAC{ID: id, Secret: key.Reveal()}, ok
		},
		Code:    func(ctx context.Context) string { return lastCode(ctx, world().service) },
		Address: func() string { return s.address },
		Hosts:   s.config.names(), Folder: folder, WallClock: s.now, Random: s.random, // which is by chance here, seed or not
	}})
}

// lastCode is the last code that somebody was sent; empty for none.
func lastCode(ctx context.Context, s *service.Service) string {
	if s == nil {
		return ""
	}
	const looked = 20
	messages, err := s.ListMessages(ctx, itself, "", looked)
	if err != nil {
		return ""
	}
	for _, m := range messages {
		if code := m.Values["code"]; code != "" {
			return code
		}
	}
	return ""
}

// names are the hosts that the server is called by, as far as its settings say.
func (c *config) names() []string {
	var names []string
	if host, _, err := net.SplitHostPort(c.listen); err == nil && host != "" {
		names = append(names, strings.ToLower(host))
	}
	for _, origin := range c.origins {
		if u, err := url.Parse(origin); err == nil && u.Hostname() != "" {
			names = append(names, strings.ToLower(u.Hostname()))
		}
	}
	return names
}
