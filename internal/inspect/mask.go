package inspect

import (
	"bytes"
	"encoding/json"
	"net/url"
	"path"
	"regexp"
	"strings"

	"github.com/purserhq/purser/internal/secret"
)

// Mask stands where a secret was.
const Mask = "***"

// secretPath are the addresses that hold an access token.
var secretPath = regexp.MustCompile(`(/oauth/v1/tokens?/)[^/?]+`)

// MaskTarget is the path and query of a request without what is secret in them.
func MaskTarget(target string) string {
	place, query, asked := strings.Cut(target, "?")
	place = maskPath(place)
	if !asked {
		return place
	}
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		raw, _, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(raw)
		if err != nil || secret.IsName(name) {
			pairs[i] = raw + "=" + Mask
		}
	}
	return place + "?" + strings.Join(pairs, "&")
}

// maskPath is a path without what is secret in it. One that is written in another way than usual, with escapes, dots or more
// slashes, is masked whole where the usual one would hold a secret.
func maskPath(raw string) string {
	masked := secretPath.ReplaceAllString(raw, "${1}"+Mask)
	plain, err := url.PathUnescape(raw)
	usual := path.Clean(plain)
	if err != nil || secretPath.MatchString(usual) && (masked == raw || usual != strings.TrimSuffix(plain, "/")) {
		return Mask
	}
	return masked
}

// MaskJSON is a JSON text without what is secret in it; what is no JSON is masked whole.
func MaskJSON(text []byte) string {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil {
		return Mask
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if encoder.Encode(masked(value)) != nil {
		return Mask
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// masked is a JSON value without what is secret in it. A whole object under the name of a secret is looked into.
func masked(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for name, inner := range v {
			switch inner.(type) {
			case map[string]any, []any:
				v[name] = masked(inner)
			default:
				if secret.IsName(name) {
					v[name] = Mask
				}
			}
		}
	case []any:
		for i := range v {
			v[i] = masked(v[i])
		}
	}
	return value
}
