// Package purser holds the files of the repository that the program carries with it, so that one
// binary has its manual, its reference and its exchanges beside it without a network or a checkout.
// The house itself is in the folders below; docs/architecture.md draws it.
package purser

import "embed"

// Manual is the documentation as it stands in the repository: README.md, docs/*.md and the
// description of the API, api/openapi.yaml.
//
//go:embed README.md docs api/openapi.yaml
var Manual embed.FS

// Exchanges are requests with the answers to them, testdata/exchange, and signatures with their
// keys, testdata/vectors: what another server or another client is held against.
//
//go:embed testdata/exchange testdata/vectors
var Exchanges embed.FS
