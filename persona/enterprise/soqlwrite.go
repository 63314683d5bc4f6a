package enterprise

import (
	"strings"

	"github.com/killdeer-mcp/killdeer/persona/enterprise/ql"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// sfShape is what is written of a record: its own fields, those of the records it
// leads to, and lists of records that belong to it, in the order of the query.
type sfShape struct {
	o     *sfObject
	parts []*sfPart
}

// sfPart is a field, or a parent or list with a shape of its own.
type sfPart struct {
	name   string
	field  int // of the id, for a parent
	parent *sfShape
	list   *soqlRun
	of     map[string][]int // records of a list by the id they belong to
	inner  *sfShape
}

func (s *sfShape) part(name string) *sfPart {
	for _, p := range s.parts {
		if p.name == name {
			return p
		}
	}
	return nil
}

// shape finds the fields that a query selects. The id is always among them.
func (r *soqlRun) shape() (*sfShape, error) {
	s := &sfShape{o: r.o}
	s.add(0)
	for _, f := range r.q.Fields {
		var err error
		switch {
		case f.Sub != nil:
			err = r.addList(s, f)
		case f.Func == "fields":
			custom := strings.EqualFold(f.Path, "custom")
			for i := range r.o.fields {
				if isCustom := strings.HasSuffix(r.o.fields[i].name, "__c"); isCustom == custom || strings.EqualFold(f.Path, "all") {
					s.add(i)
				}
			}
		default:
			err = r.addPath(s, f)
		}
		if err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *sfShape) add(field int) {
	if name := s.o.fields[field].name; s.part(name) == nil {
		s.parts = append(s.parts, &sfPart{name: name, field: field})
	}
}

// addPath adds a field, and the parents on the way to it.
func (r *soqlRun) addPath(s *sfShape, f ql.Field) error {
	if _, err := r.path(f.Name(), f.Pos); err != nil {
		return err
	}
	path := strings.TrimRight(f.Path[strings.LastIndexByte(f.Path, '(')+1:], ")")
	parts := r.parts(path)
	for _, name := range parts[:len(parts)-1] {
		by := s.o.relation(name)
		f := &s.o.fields[by]
		p := s.part(f.relation)
		if p == nil {
			p = &sfPart{name: f.relation, field: by, parent: &sfShape{o: r.v.object(f.parent)}}
			s.parts = append(s.parts, p)
		}
		s = p.parent
	}
	s.add(s.o.field(parts[len(parts)-1]))
	return nil
}

// addList adds the records of a subquery, sorted by what they belong to.
func (r *soqlRun) addList(s *sfShape, f ql.Field) error {
	list, object := r.o.child(f.Sub.From)
	if list == "" {
		return f.Sub.At(f.Sub.FromPos, "INVALID_TYPE", "Didn't understand relationship '%' in FROM part of query call."+noRelationHelp, f.Sub.From)
	}
	if s.part(list) != nil {
		return r.q.At(f.Pos, malformedQuery, "duplicate field selected: %", list)
	}
	sub := &soqlRun{r.v, f.Sub, r.v.object(object), r.budget}
	inner, err := sub.shape()
	if err != nil {
		return err
	}
	rows, err := sub.rows()
	if err != nil {
		return err
	}
	if err := sub.sort(rows); err != nil {
		return err
	}
	p := &sfPart{name: list, list: sub, of: map[string][]int{}, inner: inner}
	by := sub.o.field(r.o.name + "Id")
	for _, i := range rows {
		id := sub.o.value(i, by).s
		p.of[id] = append(p.of[id], i)
	}
	s.parts = append(s.parts, p)
	return nil
}

// write writes a batch of records; of large ones there are fewer in it.
func (r *soqlRun) write(w *guest.Writer, rows []int, text string, start int) error {
	s, err := r.shape()
	if err != nil {
		return err
	}
	if start >= max(len(rows), 1) {
		return ql.SOQLError("INVALID_QUERY_LOCATOR", "invalid query locator")
	}
	w.Obj().Key("totalSize").Int(int64(len(rows))).Key("records").Arr()
	end := start
	for end < len(rows) && end < start+maxSOQL && (end == start || len(w.Bytes()) < maxBytes) {
		s.write(w, rows[end])
		end++
	}
	w.End().Key("done").Bool(end == len(rows))
	if end < len(rows) {
		w.Key("nextRecordsUrl").Str(r.v.locator(text, end))
	}
	w.End()
	return nil
}

func (s *sfShape) write(w *guest.Writer, i int) {
	id := s.o.value(i, 0).s
	w.Obj()
	attributes(w, s.o.name, id)
	for _, p := range s.parts {
		w.Key(p.name)
		switch {
		case p.list != nil:
			p.writeList(w, p.list.window(p.of[id]))
		case p.parent != nil:
			if at := p.parent.o.find(s.o.value(i, p.field).s); at >= 0 {
				p.parent.write(w, at)
			} else {
				w.Null()
			}
		default:
			writeSF(w, s.o.fields[p.field].kind, s.o.value(i, p.field))
		}
	}
	w.End()
}

func (p *sfPart) writeList(w *guest.Writer, rows []int) {
	if len(rows) == 0 {
		w.Null()
		return
	}
	w.Obj().Key("totalSize").Int(int64(len(rows))).Key("done").Bool(true).Key("records").Arr()
	for _, i := range rows {
		p.inner.write(w, i)
	}
	w.End().End()
}

func writeSF(w *guest.Writer, kind byte, v sfValue) {
	switch {
	case v.null:
		w.Null()
	case kind == 'n':
		w.Int(v.n)
	case kind == 'b':
		w.Bool(v.n != 0)
	default:
		w.Str(sfText(kind, v))
	}
}
