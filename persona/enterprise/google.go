package enterprise

import (
	"strconv"
	"strings"

	"github.com/killdeer-mcp/killdeer/persona/enterprise/ql"
	"github.com/killdeer-mcp/killdeer/persona/world"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

const (
	errNoFile     = refusal("File not found.")
	errDriveTerms = refusal("Invalid Value")
	errGoogleTime = refusal("Deadline exceeded.")
)

const (
	maxFiles = 1000 // of one answer, as Drive has it
	maxChats = 1000
)

// driveFields are the fields of Drive's search terms and their operators.
var driveFields = map[string]string{
	"name": " contains = != ", "title": " contains = != ", "fulltext": " contains ", "mimetype": " contains = != ", "modifiedtime": opsDate, "createdtime": opsDate, "viewedbymetime": opsDate,
	"trashed": " = != ", "starred": " = != ", "parents": " in ", "owners": " in ", "writers": " in ", "readers": " in ", "sharedwithme": " = != ", "visibility": " = != ", "id": " = != ",
}

// driveFilter is what a search of Drive asks for: plain words, or search terms.
func (v *view) driveFilter(text string) (expr *ql.Expr, words ql.Terms, without *ql.Search, err error) {
	if !ql.DriveTerms(text) {
		box := ql.Box{Words: " and "}
		s := box.Parse(text)
		return nil, s.Words, s, nil
	}
	if expr, err = ql.ParseDrive(text); err != nil {
		return nil, nil, nil, err
	}
	err = expr.Each(func(c *ql.Clause) error {
		ops, ok := driveFields[strings.ToLower(c.Field)]
		if !ok || !strings.Contains(ops, say(" % ", c.Cmp)) {
			return errDriveTerms
		}
		if _, _, ok := ql.Date(c.Value()); ops == opsDate && !ok {
			return errDriveTerms
		}
		if c.Cmp == "contains" {
			c.Terms = textTerms(c.Value())
		}
		return nil
	})
	expr.Positive(func(c *ql.Clause) { words = append(words, c.Terms...) })
	return expr, words, &ql.Search{}, err
}

func driveSearch(v *view, a args, w *guest.Writer) error {
	size := a.offsetOr("page_size", 10)
	if size < 1 || size > maxFiles {
		return refusal(say("Invalid value '%'. Values must be within the range: [1, 1000]", strconv.Itoa(size)))
	}
	asked := "drive " + a.text("query")
	start, ok := v.fromToken(asked, driveToken, a.text("page_token"))
	if !ok {
		return errDriveTerms
	}
	expr, words, free, err := v.driveFilter(a.text("query"))
	if err != nil {
		return err
	}
	all := v.driveFiles()
	rank := ql.Rank(words, expr == nil)
	defer v.spent(&rank.Budget)
	for i, f := range all {
		if free.Free(f.Lower()) && expr.Eval(func(c *ql.Clause) bool { return rank.Budget.Spend(c.Terms.Cost(len(f.Lower()))) && v.fileMeets(f, c) }) {
			rank.Add(len(all)-i, f.Lower()) // the latest file is the first
		}
	}
	if rank.Budget.Gone() {
		return errGoogleTime
	}
	w.Obj().Key("files").Arr()
	for _, i := range rank.Top(start, start+size) {
		writeFile(w, v, all[len(all)-i])
	}
	w.End().Key("nextPageToken")
	if start+size < rank.Len() {
		w.Str(driveToken + v.key.Web(asked, start+size)).End()
	} else {
		w.Null().End()
	}
	return nil
}

// driveToken is how Drive's page tokens begin.
const driveToken = "~!!~AI9FV7"

// fromToken is where a page token leads, 0 for none.
func (v *view) fromToken(asked, prefix, token string) (int, bool) {
	if token == "" {
		return 0, true
	}
	rest, ok := strings.CutPrefix(token, prefix)
	if !ok {
		return 0, false
	}
	return v.key.FromWeb(asked, rest)
}

func (v *view) fileMeets(f *world.DriveFile, c *ql.Clause) bool {
	want := c.Value()
	switch field := strings.ToLower(c.Field); field {
	case "name", "title":
		if c.Cmp == "contains" {
			return namePrefix(strings.ToLower(f.Name), strings.ToLower(want))
		}
		return strings.EqualFold(f.Name, want) == (c.Cmp == "=")
	case "fulltext":
		return c.Terms.In(f.Lower())
	case "mimetype":
		if c.Cmp == "contains" {
			return strings.Contains(f.MIME, want)
		}
		return (f.MIME == want) == (c.Cmp == "=")
	case "modifiedtime", "createdtime", "viewedbymetime":
		at, _, _ := ql.Date(want)
		have := f.Created
		if field == "modifiedtime" {
			have = f.Modified(v.now)
		}
		return field != "viewedbymetime" && ql.Compares(c.Cmp, have.Compare(at))
	case "trashed", "starred", "sharedwithme":
		return strings.EqualFold(want, "false") == (c.Cmp == "=")
	case "owners", "writers", "readers":
		return strings.EqualFold(f.Owner.Email, want)
	case "id":
		return (f.ID == want) == (c.Cmp == "=")
	}
	return false
}

// namePrefix is how Drive's name contains works: the text occurs at the beginning
// of a word.
func namePrefix(name, text string) bool {
	t, ok := ql.Phrase(text + "*")
	if !ok {
		return false
	}
	at, _ := t.Find(name, 0)
	return at >= 0
}

func writeFile(w *guest.Writer, v *view, f *world.DriveFile) {
	w.Obj().Key("id").Str(f.ID).Key("name").Str(f.Name).Key("mimeType").Str(f.MIME)
	stamp(w, "createdTime", f.Created, milliTime)
	stamp(w, "modifiedTime", f.Modified(v.now), milliTime)
	writeOwners(w, f)
	w.Key("webViewLink").Str(fileURL(f)).End()
}

func writeOwners(w *guest.Writer, f *world.DriveFile) {
	w.Key("owners").Arr().Obj().Key("displayName").Str(f.Owner.Name).Key("emailAddress").Str(f.Owner.Email).End().End()
}

func fileURL(f *world.DriveFile) string {
	switch f.MIME {
	case world.MIMEDoc:
		return say("https://docs.google.com/document/d/%/edit", f.ID)
	case world.MIMESheet:
		return say("https://docs.google.com/spreadsheets/d/%/edit", f.ID)
	case world.MIMESlides:
		return say("https://docs.google.com/presentation/d/%/edit", f.ID)
	}
	return say("https://drive.google.com/file/d/%/view", f.ID)
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
	for _, row := range ql.Window(f.Rows, box.top, box.bottom-box.top) {
		w.Arr()
		for _, cell := range ql.Window(row, box.left, box.right-box.left) {
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
			id = say("g%_0_%", strings.ToLower(strings.Trim(f.ID[2:13], "-_")), strconv.Itoa(i*7))
		}
		w.Obj().Key("objectId").Str(id).Key("pageElements").Arr()
		for k, text := range s {
			w.Obj().Key("objectId").Str(say("%_%", id, strconv.Itoa(k))).Key("shape").Obj().Key("shapeType").Str("TEXT_BOX").Key("text").Str(text).End().End()
		}
		w.End().End()
	}
	w.End().Key("masters").Arr().Obj().Key("objectId").Str("simple-light-2").End().End().End()
	return nil
}

func chatSearch(v *view, a args, w *guest.Writer) error {
	keep := func(*world.Message) bool { return true }
	if name := a.text("space_name"); name != "" {
		in := v.RoomBy(strings.TrimPrefix(name, "spaces/"))
		if in == nil {
			return refusal("Space not found.")
		}
		keep = func(m *world.Message) bool { return m.Channel == in }
	}
	asked := say("chat % %", a.text("space_name"), a.text("query"))
	start, ok := v.fromToken(asked, "", a.text("page_token"))
	if !ok {
		return refusal("Invalid page token in request.")
	}
	size := a.limit("page_size", 50, maxChats)
	f := v.messageFilter(&chatBox, a.text("query"))
	all := v.chatMessages()
	list, total, ok := v.messagesFor(all, &f, keep, false, start, start+size)
	if !ok {
		return errGoogleTime
	}
	w.Obj().Key("messages").Arr()
	for _, i := range list {
		m := all[i]
		w.Obj().Key("name").Str(say("spaces/%/messages/%.%", m.Channel.ID, m.ID, m.ID))
		w.Key("sender").Obj().Key("displayName").Str(m.Author.Name).Key("type").Str("HUMAN").End().Key("text").Str(m.Text)
		stamp(w, "createTime", m.Time, milliTime)
		w.Key("space").Obj().Key("displayName").Str(m.Channel.Name).End().End()
	}
	w.End().Key("nextPageToken")
	if start+size < total {
		w.Str(v.key.Web(asked, start+size)).End()
	} else {
		w.Null().End()
	}
	return nil
}
