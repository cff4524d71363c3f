package pages

import (
	"context"

	"github.com/purserhq/purser/internal/wallet"
)

// Texts are the texts of each language, by its code.
func Texts() map[string]map[string]string {
	all := map[string]map[string]string{}
	for _, l := range languages {
		all[l.code] = l.texts
	}
	return all
}

// ScopeWords is what a scope opens in a language.
func ScopeWords(code string, s wallet.Scope) string { return languageOf(code).scope(s) }

// LithuanianScopes are all scopes that have Lithuanian words.
func LithuanianScopes() map[wallet.Scope]string { return lithuanianScopes }

// LocalPage is where "next" leads, and Destination how a policy names an address.
func LocalPage(address string) string { return localPage(address) }

// Destination is described at LocalPage.
func Destination(address string) string { return destination(address) }

// Paths are the paths of all pages.
func Paths() (paths []string) {
	for _, one := range new(pages).contents() {
		paths = append(paths, one.path)
	}
	return paths
}

// Broken adds a page that panics to a handler made with New.
func Broken(p any) {
	h := p.(*pages)
	h.table = append(h.table, page{path: "/broken", get: func(context.Context, *request) (reply, error) { panic("a mistake") }})
}
