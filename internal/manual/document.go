package manual

import (
	"encoding/json"
	"fmt"
	"iter"
	"strings"

	"go.yaml.in/yaml/v3"
)

// value is a part of the description of the API: YAML in the order in which it is written, with what it refers to. The zero
// value is a part that there is not.
type value struct {
	node *yaml.Node
	root *yaml.Node
}

// readContract reads the description of the API.
func readContract(source []byte) (value, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(source, &document); err != nil {
		return value{}, fmt.Errorf("reading %s: %w", contract, err)
	}
	if len(document.Content) != 1 {
		return value{}, fmt.Errorf("reading %s: it holds nothing", contract)
	}
	return value{document.Content[0], document.Content[0]}, nil
}

// own is what stands under a key in this very place.
func (v value) own(key string) value {
	if v.node == nil || v.node.Kind != yaml.MappingNode {
		return value{}
	}
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		if v.node.Content[i].Value == key {
			return value{v.node.Content[i+1], v.root}
		}
	}
	return value{}
}

// at is what stands under a key, here or else in what this refers to, and so on for more keys.
func (v value) at(keys ...string) value {
	for _, key := range keys {
		inner := v.own(key)
		if !inner.exists() && v.reference() != "" {
			inner = v.target().at(key)
		}
		v = inner
	}
	return v
}

func (v value) exists() bool { return v.node != nil }

// reference is what this refers to, as in #/components/schemas/Id; empty where it stands for itself.
func (v value) reference() string { return v.own("$ref").text() }

// name is the last part of the reference.
func (v value) name() string {
	reference := v.reference()
	return reference[strings.LastIndex(reference, "/")+1:]
}

// target is what this refers to, or itself.
func (v value) target() value {
	reference := v.reference()
	if reference == "" {
		return v
	}
	to := value{v.root, v.root}
	for part := range strings.SplitSeq(strings.TrimPrefix(reference, "#/"), "/") {
		to = to.own(part)
	}
	return to.target()
}

// text is what is written there; empty for what is no single word or text.
func (v value) text() string {
	if v.node == nil || v.node.Kind != yaml.ScalarNode {
		return ""
	}
	return v.node.Value
}

// members are the keys with what stands under them, in their order, of this or of what it refers to.
func (v value) members() iter.Seq2[string, value] {
	return func(yield func(string, value) bool) {
		t := v.target()
		if t.node == nil || t.node.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(t.node.Content); i += 2 {
			if !yield(t.node.Content[i].Value, value{t.node.Content[i+1], t.root}) {
				return
			}
		}
	}
}

// list are the elements of a list, and of a single word that one.
func (v value) list() []value {
	if v.node == nil {
		return nil
	}
	if v.node.Kind != yaml.SequenceNode {
		return []value{v}
	}
	var all []value
	for _, element := range v.node.Content {
		all = append(all, value{element, v.root})
	}
	return all
}

// texts are those of the elements.
func (v value) texts() []string {
	var all []string
	for _, element := range v.list() {
		all = append(all, element.text())
	}
	return all
}

// width is how long a line of an example may be.
const width = 92

// pretty is a value as JSON: short parts on one line, others one member a line.
func (v value) pretty() string {
	var out strings.Builder
	v.write(&out, "")
	return out.String()
}

func (v value) write(out *strings.Builder, indent string) {
	if line := v.compact(); len(indent)+len(line) <= width || v.node.Kind == yaml.ScalarNode {
		out.WriteString(line)
		return
	}
	open, end := "{", "}"
	if v.node.Kind == yaml.SequenceNode {
		open, end = "[", "]"
	}
	deeper := indent + "  "
	out.WriteString(open)
	first := true
	begin := func() {
		if !first {
			out.WriteByte(',')
		}
		first = false
		out.WriteString("\n" + deeper)
	}
	if v.node.Kind == yaml.SequenceNode {
		for _, element := range v.list() {
			begin()
			element.write(out, deeper)
		}
	} else {
		for key, inner := range v.members() {
			begin()
			out.WriteString(quoted(key) + ": ")
			inner.write(out, deeper)
		}
	}
	out.WriteString("\n" + indent + end)
}

// compact is a value as JSON on one line.
func (v value) compact() string {
	if v.node == nil {
		return ""
	}
	switch v.node.Kind {
	case yaml.SequenceNode:
		var parts []string
		for _, element := range v.list() {
			parts = append(parts, element.compact())
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case yaml.MappingNode:
		var parts []string
		for key, inner := range v.members() {
			parts = append(parts, quoted(key)+": "+inner.compact())
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	switch v.node.ShortTag() {
	case "!!int", "!!float", "!!bool", "!!null":
		return v.node.Value
	}
	return quoted(v.node.Value)
}

// quoted is a text as JSON has it.
func quoted(text string) string {
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(text) != nil {
		return `""`
	}
	return strings.TrimSuffix(out.String(), "\n")
}
