package walletapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// Config is what a program has to know to call, without secrets, so that it can stand beside the program's code.
type Config struct {
	// BaseURL is scheme, host and port: https://wallet.example.
	BaseURL string `json:"base_url"`
	// ClientID is what the client signs as.
	ClientID string `json:"client_id,omitempty"`
	// ProjectID and LocationID are what calls speak for; WalletID is for the program's own use.
	ProjectID  int64 `json:"project_id,omitempty"`
	LocationID int64 `json:"location_id,omitempty"`
	WalletID   int64 `json:"wallet_id,omitempty"`
	// MACKeyFile is a file with the key, for its owner's eyes only (mode 0600), from the folder of the configuration.
	MACKeyFile string `json:"mac_key_file,omitempty"`
	// CertificateFile, PrivateKeyFile and AuthorityFile are PEM files for a client certificate in place of a MAC.
	CertificateFile string `json:"certificate_file,omitempty"`
	PrivateKeyFile  string `json:"private_key_file,omitempty"`
	AuthorityFile   string `json:"authority_file,omitempty"`

	folder string
}

// MACKeyVariable names the environment variable with the key; it goes before Config.MACKeyFile.
const MACKeyVariable = "PURSER_MAC_KEY"

// secretNames must not be in a configuration.
var secretNames = []string{"mac_key", "mac_secret", "secret", "client_secret", "password", "private_key", "access_token", "refresh_token", "token", "pin"}

// LoadConfig reads the configuration of that name out of a file like
//
//	{"production": {"base_url": "https://wallet.example", "client_id": "wkVd93h2uS", "project_id": 1221}}
//
// and refuses one that holds a secret, or a name that it does not know.
func LoadConfig(file, name string) (*Config, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(content, &all); err != nil {
		return nil, fmt.Errorf("walletapi: %s is not an object of configurations by name: %w", file, err)
	}
	one, ok := all[name]
	if !ok {
		return nil, fmt.Errorf("walletapi: %s has no configuration %q", file, name)
	}
	var names map[string]json.RawMessage
	if json.Unmarshal(one, &names) == nil {
		for field := range names {
			if slices.Contains(secretNames, strings.ToLower(field)) {
				return nil, fmt.Errorf("walletapi: %s holds a secret as %s: put it into the environment as %s, or into a file of mode 0600 that mac_key_file names", file, field, MACKeyVariable)
			}
		}
	}
	c := &Config{folder: filepath.Dir(file)}
	decoder := json.NewDecoder(bytes.NewReader(one))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(c); err != nil {
		return nil, fmt.Errorf("walletapi: %s, %q: %w", file, name, err)
	}
	return c, nil
}

// Client is a client that calls as the configuration says, in its project and at its place. The key comes from the environment or from
// MACKeyFile.
func (c *Config) Client() (*Client, error) {
	client := &Client{BaseURL: c.BaseURL, project: c.ProjectID, location: c.LocationID}
	if c.BaseURL == "" {
		return nil, errors.New("walletapi: the configuration has no base_url")
	}
	if c.CertificateFile != "" {
		certificate, err := LoadCertificate(c.beside(c.CertificateFile), c.beside(c.PrivateKeyFile), c.beside(c.AuthorityFile))
		if err != nil {
			return nil, err
		}
		client.Auth = certificate
		return client, nil
	}
	if c.ClientID == "" {
		return client, nil
	}
	key := os.Getenv(MACKeyVariable)
	if key == "" && c.MACKeyFile == "" {
		return nil, fmt.Errorf("walletapi: there is no key for client %s: set %s, or name a file as mac_key_file", c.ClientID, MACKeyVariable)
	}
	if key == "" {
		content, err := readSecretFile(c.beside(c.MACKeyFile))
		if err != nil {
			return nil, err
		}
		key = strings.TrimSpace(string(content))
	}
	client.Auth = MAC{ID: c.ClientID, Secret: key}
	return client, nil
}

// beside is a file as it is found from the folder of the configuration; none stays none.
func (c *Config) beside(file string) string {
	if file == "" || filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(c.folder, file)
}

// maxSecret bounds a file with a secret, in bytes.
const maxSecret = 64 << 10

// readSecretFile reads a file that others cannot. What is read is what was looked at, whatever the name leads to meanwhile.
func readSecretFile(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	about, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if mode := about.Mode(); runtime.GOOS != "windows" && (!mode.IsRegular() || mode.Perm()&0o077 != 0) {
		return nil, fmt.Errorf("walletapi: %s holds a secret and has the mode %04o: make it a file for its owner alone, chmod 600", name, mode.Perm())
	}
	return io.ReadAll(io.LimitReader(file, maxSecret))
}
