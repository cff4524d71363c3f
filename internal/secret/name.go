package secret

import (
	"regexp"
	"strings"
)

// secretName is what fields and parameters are called whose values are secret.
var secretName = regexp.MustCompile(`(?i)token|secret|password|passwd|pin$|^pin|key$|code$|^mac$|session|credential|^barcode$|^sign$`)

// public are names that look like those of secrets. The pins are those on a map.
var public = map[string]bool{
	"transaction_key": true, "idempotency_key": true, "token_type": true, "country_code": true, "minimum_password_length": true,
	"pin_open": true, "pin_closed": true,
}

// IsName says whether a field or parameter of the wire is called like one whose value is secret.
func IsName(name string) bool {
	return secretName.MatchString(name) && !public[strings.ToLower(name)]
}
