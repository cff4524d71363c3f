package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/purserhq/purser/internal/sandbox"
	"github.com/purserhq/purser/walletapi"
)

// defaultClient is who calls when nobody is named: the sandbox's first client.
const defaultClient = "shop"

// newRequest is `purser request`: one signed call.
func newRequest(p *program) *cobra.Command {
	var as, folder, body string
	var project, location int64
	command := &cobra.Command{
		Use:   "request METHOD PATH",
		Short: "Make one signed call and show its answer",
		Long: "Signs a call with the credentials of the sandbox in the data folder, or of a stored profile\n" +
			"(`purser profile add`), and shows the answer: its JSON on standard output, the rest on standard\n" +
			"error. PATH may leave out /rest/v1. Ends with status 1 when the answer is an error.",
		Example: "  purser request GET /project/1221\n" +
			"  purser request GET /wallet/14471/balance --project 1221\n" +
			"  purser request GET /user/me/projects --as token:1234",
		Args: cobra.ExactArgs(2),
		RunE: func(command *cobra.Command, args []string) error {
			client, err := p.credentials(folder, as)
			if err != nil {
				return err
			}
			content, err := p.content(body)
			if err != nil {
				return err
			}
			call := walletapi.Call{
				Method: strings.ToUpper(args[0]), Target: target(args[1]), Body: content,
				ProjectID: project, LocationID: location,
			}
			answer, err := client.Do(command.Context(), call)
			if err != nil {
				return unreachable(err)
			}
			return p.show(answer)
		},
	}
	flags := command.Flags()
	flags.StringVar(&as, "as", "", "`name` of a sandbox client or token (token:1234), or of a profile (default \""+defaultClient+"\")")
	flags.Int64Var(&project, "project", 0, "`id` of the project that the call speaks for")
	flags.Int64Var(&location, "location", 0, "`id` of the place that the call is made at")
	flags.StringVar(&body, "data", "", "`JSON` to send, or @FILE, or @- for standard input")
	sandboxFlag(p, flags, &folder)
	return command
}

// sandboxFlag names the sandbox's folder, for commands whose --data is something else.
func sandboxFlag(p *program, flags *pflag.FlagSet, folder *string) {
	standard := defaultData
	if set := p.env(variable("data")); set != "" {
		standard = set
	}
	flags.StringVar(folder, "sandbox", standard, "data `folder` of the sandbox ["+variable("data")+"]")
}

// target is the path as it goes over the wire.
func target(path string) string {
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	for _, known := range []string{"/rest/", "/oauth/", "/publickey", "/frontend", "/transfer/", "/partner-oauth/"} {
		if strings.HasPrefix(path, known) {
			return path
		}
	}
	return "/rest/v1" + path
}

// credentials finds who calls: in the sandbox of the data folder, else among the profiles.
func (p *program) credentials(folder, as string) (*walletapi.Client, error) {
	name := as
	if name == "" {
		name = defaultClient
	}
	manifest, err := sandbox.ReadFile(folder)
	if err == nil {
		if id, key, ok := manifest.Credentials(name); ok {
			return &walletapi.Client{BaseURL: manifest.BaseURL, Auth: walletapi.MAC{ID: id, Secret: key.Reveal()}, Now: p.now}, nil
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("reading %s: %w", sandbox.ManifestFile, err)
	}
	profiles, profileErr := p.readProfiles()
	if profileErr != nil {
		return nil, profileErr
	}
	if profile, ok := profiles[name]; ok {
		return &walletapi.Client{BaseURL: profile.BaseURL, Auth: walletapi.MAC{ID: profile.ID, Secret: profile.MACKey}, Now: p.now}, nil
	}
	if manifest == nil {
		return nil, fmt.Errorf("there is no sandbox in %s and no profile %q: start `purser dev`, or add a profile with `purser profile add`", folder, name)
	}
	return nil, fmt.Errorf("%q is neither in the sandbox (%s) nor a profile", name, strings.Join(manifest.Names(), ", "))
}

// content is what --data gives: JSON, or @FILE.
func (p *program) content(text string) ([]byte, error) {
	switch name, isFile := strings.CutPrefix(text, "@"); {
	case isFile && name == "-":
		return io.ReadAll(p.in)
	case isFile:
		return os.ReadFile(name)
	}
	return []byte(text), nil
}

// unreachable says what to do when nobody answers.
func unreachable(err error) error {
	var failed *url.Error
	if errors.As(err, &failed) {
		return fmt.Errorf("no answer: %w (is the server running?)", failed.Err)
	}
	return err
}

// show prints an answer for a reader, and for a program behind a pipe.
func (p *program) show(answer *walletapi.Answer) error {
	fmt.Fprintf(p.err, "%d  request %s\n", answer.Status, answer.RequestID)
	var pretty bytes.Buffer
	if json.Indent(&pretty, answer.Body, "", "  ") != nil {
		pretty.Reset()
		pretty.Write(answer.Body)
	}
	fmt.Fprintln(p.out, pretty.String())
	if answer.Status != 200 {
		return exitStatus(1)
	}
	return nil
}
