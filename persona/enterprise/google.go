package enterprise

import (
	"strconv"
	"strings"

	"github.com/killdeer-mcp/killdeer/persona/world"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

const errNoFile = refusal("File not found.")

// driveQuery turns Drive's query syntax (name contains 'x' and mimeType = 'y')
// into words and a type; plain words are words.
func driveQuery(query string) (words, string) {
	if !strings.ContainsRune(query, '\'') {
		return parseWords(query, nil), ""
	}
	toks, _ := lex(query)
	var ws words
	mime := ""
	for i, t := range toks {
		switch {
		case t.kind != 'q':
		case i >= 2 && toks[i-2].is("mimetype"):
			mime = t.text
		default:
			ws = append(ws, parseWords(t.text, nil)...)
		}
	}
	return ws, mime
}

func driveSearch(v *view, a args, w *guest.Writer) error {
	ws, mime := driveQuery(a.text("query"))
	var list []*world.DriveFile
	for _, f := range v.driveFiles() {
		if (mime == "" || mime == f.MIME) && ws.in(f.Lower()) {
			list = append(list, f)
		}
	}
	size := a.limit("page_size", 10, 100)
	w.Obj().Key("files").Arr()
	for _, f := range page(list, 0, size) {
		w.Obj().Key("id").Str(f.ID).Key("name").Str(f.Name).Key("mimeType").Str(f.MIME)
		stamp(w, "createdTime", f.Created, milliTime)
		stamp(w, "modifiedTime", f.Modified(v.now), milliTime)
		writeOwners(w, f)
		w.Key("webViewLink").Str(fileURL(f)).End()
	}
	w.End().Key("nextPageToken")
	if len(list) > size {
		w.Str("~!!~AI9FV7" + list[size].ID)
	} else {
		w.Null()
	}
	w.End()
	return nil
}

func writeOwners(w *guest.Writer, f *world.DriveFile) {
	w.Key("owners").Arr().Obj().Key("displayName").Str(f.Owner.Name).Key("emailAddress").Str(f.Owner.Email).End().End()
}

func fileURL(f *world.DriveFile) string {
	switch f.MIME {
	case world.MIMEDoc:
		return "https://docs.google.com/document/d/" + f.ID + "/edit"
	case world.MIMESheet:
		return "https://docs.google.com/spreadsheets/d/" + f.ID + "/edit"
	case world.MIMESlides:
		return "https://docs.google.com/presentation/d/" + f.ID + "/edit"
	}
	return "https://drive.google.com/file/d/" + f.ID + "/view"
}

// file finds a file of a type by name or id.
func (v *view) file(name, mime string) (*world.DriveFile, error) {
	for _, f := range v.driveFiles() {
		if f.MIME == mime && (strings.EqualFold(f.Name, name) || f.ID == name) {
			return f, nil
		}
	}
	if v.closedFile(name, mime) {
		return nil, errFileClosed
	}
	return nil, errNoFile
}

func docsRead(v *view, a args, w *guest.Writer) error {
	f, err := v.file(a.text("file_name"), world.MIMEDoc)
	if err != nil {
		return err
	}
	w.Obj().Key("documentId").Str(f.ID).Key("title").Str(f.Name).Key("body").Obj().Key("content").Str(strings.Join(f.Lines, "\n")).End()
	stamp(w, "lastModifiedTime", f.Modified(v.now), milliTime)
	writeOwners(w, f)
	w.End()
	return nil
}

func sheetsRead(v *view, a args, w *guest.Writer) error {
	f, err := v.file(a.text("file_name"), world.MIMESheet)
	if err != nil {
		return err
	}
	tab, cells := a.text("sheet_name"), a.text("range")
	if name, rest, ok := strings.Cut(cells, "!"); ok {
		tab, cells = strings.Trim(name, "'"), rest
	}
	if tab != "" && !strings.EqualFold(tab, f.Sheet) {
		return refusal("Unable to parse range")
	}
	box, ok := parseRange(cells)
	if !ok {
		return refusal("Unable to parse range")
	}
	w.Obj().Key("spreadsheetId").Str(f.ID).Key("title").Str(f.Name).Key("sheets").Arr().Obj().Key("title").Str(f.Sheet).End().End()
	w.Key("values").Arr()
	for _, row := range page(f.Rows, box.top, box.bottom-box.top) {
		w.Arr()
		for _, cell := range page(row, box.left, box.right-box.left) {
			w.Str(cell)
		}
		w.End()
	}
	w.End().End()
	return nil
}

// box is a rectangle of cells, half open.
type box struct{ top, left, bottom, right int }

const maxCells = 10_000

// parseRange reads A1 notation; nothing stands for everything.
func parseRange(s string) (box, bool) {
	all := box{0, 0, maxCells, maxCells}
	if s == "" {
		return all, true
	}
	from, to, pair := strings.Cut(strings.ToUpper(s), ":")
	col, row, ok := parseCell(from)
	if !ok {
		return all, false
	}
	b := box{max(row, 0), max(col, 0), row + 1, col + 1}
	if !pair {
		return b, col >= 0 && row >= 0
	}
	if col, row, ok = parseCell(to); !ok {
		return all, false
	}
	if b.bottom, b.right = row+1, col+1; row < 0 {
		b.bottom = maxCells
	}
	if col < 0 {
		b.right = maxCells
	}
	return b, b.bottom > b.top && b.right > b.left
}

// parseCell reads "B7", "B" or "7"; what is missing is -1.
func parseCell(s string) (col, row int, ok bool) {
	col, row = -1, -1
	i := 0
	for ; i < len(s) && i < 3 && s[i] >= 'A' && s[i] <= 'Z'; i++ {
		col = (col+1)*26 + int(s[i]-'A')
	}
	if i < len(s) {
		n, err := strconv.Atoi(s[i:])
		if err != nil || n < 1 || n > maxCells {
			return 0, 0, false
		}
		row = n - 1
	}
	return col, row, len(s) > 0
}

func slidesGet(v *view, a args, w *guest.Writer) error {
	f, err := v.file(a.text("file_name"), world.MIMESlides)
	if err != nil {
		return err
	}
	w.Obj().Key("presentationId").Str(f.ID).Key("title").Str(f.Name).Key("slides").Arr()
	for i, s := range f.Slides {
		id := "p"
		if i > 0 {
			id = "g" + strings.ToLower(strings.Trim(f.ID[2:13], "-_")) + "_0_" + strconv.Itoa(i*7)
		}
		w.Obj().Key("objectId").Str(id).Key("pageElements").Arr()
		for k, text := range s {
			w.Obj().Key("objectId").Str(id + "_" + strconv.Itoa(k)).Key("shape").Obj().Key("shapeType").Str("TEXT_BOX").Key("text").Str(text).End().End()
		}
		w.End().End()
	}
	w.End().Key("masters").Arr().Obj().Key("objectId").Str("simple-light-2").End().End().End()
	return nil
}

func chatSearch(v *view, a args, w *guest.Writer) error {
	ws, name := parseWords(a.text("query"), nil), a.text("space_name")
	var in *world.Channel
	if name != "" {
		if in = v.RoomBy(name); in == nil {
			return refusal("Space not found.")
		}
	}
	all := v.chatMessages()
	w.Obj().Key("messages").Arr()
	for i, n := len(all)-1, 0; i >= 0 && n < 50; i-- {
		m := all[i]
		if in != nil && in != m.Channel || !ws.in(m.Lower()) {
			continue
		}
		n++
		w.Obj().Key("name").Str("spaces/" + m.Channel.ID + "/messages/" + m.ID + "." + m.ID)
		w.Key("sender").Obj().Key("displayName").Str(m.Author.Name).Key("type").Str("HUMAN").End().Key("text").Str(m.Text)
		stamp(w, "createTime", m.Time, milliTime)
		w.Key("space").Obj().Key("displayName").Str(m.Channel.Name).End().End()
	}
	w.End().End()
	return nil
}
