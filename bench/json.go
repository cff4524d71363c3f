package main

import (
	"encoding/json"
	"io"
)

func jsonTo(w io.Writer, v any) { json.NewEncoder(w).Encode(v) }

func fromJSON(body []byte, v any) error { return json.Unmarshal(body, v) }
