package store

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/secret"
)

// Somebody reads what a MAC id stands for, and is slow: before it puts what it read into memory, a
// key is changed. What it read is old, and must not be kept; what changed has nothing to do with
// others who were slow at the same time.
func TestASlowReaderKeepsNothingOld(t *testing.T) {
	box, err := secret.NewBox(secret.NewKEK())
	if err != nil {
		t.Fatal(err)
	}
	db, err := Open(context.Background(), "sqlite:"+filepath.Join(t.TempDir(), "purser.db"),
		Options{Box: box, Now: time.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	kept := func(since int64, kind, name string) (put bool) {
		db.directory.keep(since, kind, name, func() { put = true })
		return put
	}
	key := strings.Repeat("ab", 32)
	for _, story := range []struct {
		what, kind, name string
		meanwhile        []alteration
		want             bool
	}{
		{"nothing changed", alteredCredential, key, nil, true},
		{"its key was changed", alteredCredential, key, []alteration{{alteredCredential, key}}, false},
		{"another's key was changed", alteredCredential, key, []alteration{{alteredCredential, strings.Repeat("cd", 32)}}, true},
		{"a client of the same name was changed", alteredClient, "7", []alteration{{alteredProject, "7"}}, true},
		{"it was changed, and then others", alteredClient, "7", []alteration{{alteredClient, "7"}, {alteredClient, "8"}, {alteredClient, "9"}}, false},
		{"others were changed, and then it", alteredClient, "7", []alteration{{alteredClient, "8"}, {alteredClient, "7"}}, false},
		{"everything was changed", alteredProject, "7", []alteration{{alteredAll, ""}, {alteredClient, "8"}}, false},
		{"another's wallet was changed", alteredHolder, "7", []alteration{{alteredHolder, "8"}}, true},
		{"a wallet was changed, maybe one of theirs", alteredHolder, anyName, []alteration{{alteredHolder, "8"}}, false},
		{"many others were changed", alteredClient, "7", others(recentChanges), true},
		{"so many that nobody remembers", alteredClient, "7", others(4 * recentChanges), false},
	} {
		since := db.directory.now()
		for _, a := range story.meanwhile {
			db.directory.forget([]alteration{a})
		}
		if got := kept(since, story.kind, story.name); got != story.want {
			t.Errorf("%s: kept %v, want %v", story.what, got, story.want)
		}
		if !kept(db.directory.now(), story.kind, story.name) {
			t.Errorf("%s: who reads afterwards does not keep it", story.what)
		}
	}
}

// others are changes of so many other clients.
func others(n int) []alteration {
	all := make([]alteration, n)
	for i := range all {
		all[i] = alteration{alteredClient, fmt.Sprint(1000 + i)}
	}
	return all
}
