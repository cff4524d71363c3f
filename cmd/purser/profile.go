package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/pelletier/go-toml/v2"
	"github.com/spf13/cobra"
)

// profile is a stored set of credentials for a server that is not a sandbox.
type profile struct {
	BaseURL string `toml:"base_url"`
	ID      string `toml:"id"`
	MACKey  string `toml:"mac_key"`
}

// profilesPath is where profiles are stored, for their owner's eyes only.
func (p *program) profilesPath() (string, error) {
	base := p.env("XDG_CONFIG_HOME")
	if base == "" {
		home := p.env("HOME")
		if home == "" {
			return "", errors.New("neither XDG_CONFIG_HOME nor HOME is set, so there is no place for profiles")
		}
		base = filepath.Join(home, ".config")
	}
	return filepath.Join(base, "purser", "profiles.toml"), nil
}

func (p *program) readProfiles() (map[string]profile, error) {
	path, err := p.profilesPath()
	if err != nil {
		return nil, nil // no place, no profiles
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return map[string]profile{}, nil
	}
	if err != nil {
		return nil, err
	}
	profiles := map[string]profile{}
	if err := toml.Unmarshal(text, &profiles); err != nil {
		return nil, fmt.Errorf("%s cannot be read as TOML: mend or remove it", path) // the text holds keys
	}
	return profiles, nil
}

func (p *program) writeProfiles(profiles map[string]profile) error {
	path, err := p.profilesPath()
	if err != nil {
		return err
	}
	text, err := toml.Marshal(profiles)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// newProfile is `purser profile`.
func newProfile(p *program) *cobra.Command {
	command := &cobra.Command{Use: "profile", Short: "Keep credentials of other servers for `purser request`",
		Long: "Keeps credentials for `purser request` in ~/.config/purser/profiles.toml, or in the place of ~/.config\n" +
			"under what XDG_CONFIG_HOME names. The file can be read by its owner only."}
	command.AddCommand(newProfileAdd(p), newProfileList(p), newProfileRemove(p))
	return command
}

func newProfileAdd(p *program) *cobra.Command {
	var added profile
	command := &cobra.Command{
		Use:   "add NAME",
		Short: "Store a profile; its MAC key is read from standard input",
		Args:  cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			const needed = "a profile needs --base-url, --id and the MAC key on standard input"
			if added.BaseURL == "" || added.ID == "" {
				return errors.New(needed)
			}
			if err := checkBaseURL(added.BaseURL); err != nil {
				return err
			}
			if isTerminal(p.in) {
				fmt.Fprint(p.err, "MAC key: ")
			}
			key, err := newDialogue(command.Context(), io.LimitReader(p.in, 4096)).line() // one line, so that it can be pasted
			if err != nil && err != io.EOF {
				return err
			}
			if added.MACKey = strings.TrimSpace(key); added.MACKey == "" {
				return errors.New(needed)
			}
			profiles, err := p.readProfiles()
			if err != nil {
				return err
			}
			profiles[args[0]] = added
			return p.writeProfiles(profiles)
		},
	}
	command.Flags().StringVar(&added.BaseURL, "base-url", "", "scheme, host and port of the server: `https://wallet.example`")
	command.Flags().StringVar(&added.ID, "id", "", "what the client signs as")
	return command
}

func newProfileRemove(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "remove NAME",
		Short: "Forget a profile; the client's key stays good",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			profiles, err := p.readProfiles()
			if err != nil {
				return err
			}
			if _, known := profiles[args[0]]; !known {
				return fmt.Errorf("there is no profile %q; `purser profile list` shows them", args[0])
			}
			delete(profiles, args[0])
			return p.writeProfiles(profiles)
		},
	}
}

func newProfileList(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the profiles, without their keys",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			profiles, err := p.readProfiles()
			if err != nil {
				return err
			}
			names := make([]string, 0, len(profiles))
			for name := range profiles {
				names = append(names, name)
			}
			slices.Sort(names)
			table := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
			for _, name := range names {
				fmt.Fprintf(table, "%s\t%s\t%s\n", name, profiles[name].ID, profiles[name].BaseURL)
			}
			return table.Flush()
		},
	}
}
