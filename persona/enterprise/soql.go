package enterprise

import (
	"strconv"
	"strings"

	"github.com/killdeer-mcp/killdeer/persona/world"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

const (
	errSOQL     = refusal(`[{"message":"unexpected token","errorCode":"MALFORMED_QUERY"}]`)
	errSOQLVerb = refusal(`[{"message":"only SELECT statements are supported by the query resource","errorCode":"MALFORMED_QUERY"}]`)
	errSOQLTime = refusal(`[{"message":"Your query request was running for too long.","errorCode":"QUERY_TIMEOUT"}]`)
)

func salesforceQuery(v *view, a args, w *guest.Writer) error {
	toks, ok := lex(a.text("query"))
	if !ok || len(toks) == 0 {
		return errSOQL
	}
	if !toks[0].is("select") {
		return errSOQLVerb
	}
	s, ok := parseSelect(toks)
	if !ok {
		return errSOQLTime
	}
	if s.table == "" || len(s.items) == 0 || s.items[0].name == "*" && s.items[0].call == "" {
		return errSOQL
	}
	kind := objectName(s.table)
	src := v.object(kind)
	if src == nil {
		return refusal(`[{"message":"sObject type '` + s.table + `' is not supported. If you are attempting to use a custom object, be sure to append the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names.","errorCode":"INVALID_TYPE"}]`)
	}
	relations(s)
	if missing := s.check(src); missing != "" {
		return refusal(`[{"message":"No such column '` + missing + `' on entity '` + kind + `'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name.","errorCode":"INVALID_FIELD"}]`)
	}
	rows := s.matching(src)
	if s.counts() {
		writeSOQLCount(w, s, len(rows))
		return nil
	}
	writeSOQL(w, s, src, kind, s.window(rows, maxSOQL), len(rows))
	return nil
}

// relations keeps the path of a parent's field (Account.Name), which SQL's
// reading of a dot as table and column has cut off.
func relations(s *selection) {
	for i := range s.items {
		it := &s.items[i]
		if parent, field, ok := strings.Cut(strings.ToLower(it.raw), "."); ok && (parent == "account" || parent == "owner") && !strings.EqualFold(parent, s.table) {
			it.name = parent + "/" + field
		}
	}
	_ = s.where.each(func(c *condition) error {
		if parent, field, ok := strings.Cut(c.field, "."); ok && (parent == "account" || parent == "owner") && parent != s.table {
			c.field = parent + "/" + field
		}
		return nil
	})
}

func objectName(table string) string {
	for _, n := range [...]string{"Account", "Contact", "Opportunity", "Case", "User"} {
		if strings.EqualFold(n, table) {
			return n
		}
	}
	return ""
}

func writeSOQLCount(w *guest.Writer, s *selection, n int) {
	w.Obj()
	if s.items[0].name == "" {
		w.Key("totalSize").Int(int64(n)).Key("done").Bool(true).Key("records").Arr().End().End()
		return
	}
	w.Key("totalSize").Int(1).Key("done").Bool(true).Key("records").Arr().Obj().Key("attributes").Obj().Key("type").Str("AggregateResult").End()
	w.Key("expr0").Int(int64(n)).End().End().End()
}

func writeSOQL(w *guest.Writer, s *selection, src *source, kind string, rows []int, matched int) {
	cols, _ := s.output(src)
	matched = max(0, matched-s.offset)
	if s.limit >= 0 {
		matched = min(matched, s.limit)
	}
	w.Obj().Key("totalSize").Int(int64(matched)).Key("done").Bool(len(rows) == matched)
	if len(rows) < matched {
		w.Key("nextRecordsUrl").Str("/services/data/v59.0/query/01g" + firstID(src)[3:] + "-" + strconv.Itoa(len(rows)))
	}
	w.Key("records").Arr()
	for _, i := range rows {
		row := src.row(i)
		w.Obj()
		attributes(w, kind, row[0])
		w.Key("Id").Str(row[0])
		for _, col := range cols {
			c := src.columns[col]
			parent, field, nested := strings.Cut(c.Name, "/")
			switch {
			case col == 0:
			case nested:
				w.Key(parent).Obj().Key(field).Str(row[col]).End()
			default:
				w.Key(c.Name)
				writeCell(w, c.Type, row[col])
			}
		}
		w.End()
	}
	w.End().End()
}

// firstID is the id of the first record, for what has to look like an id.
func firstID(src *source) string { return src.row(0)[0] }

// object returns a Salesforce object as a table at now.
func (v *view) object(kind string) *source {
	if kind == "" {
		return nil
	}
	if s := v.crm[kind]; s != nil {
		return s
	}
	if v.crm == nil {
		v.crm = map[string]*source{}
	}
	var fields string
	var rows [][]string
	switch kind {
	case "Account":
		fields, rows = "Id Name Industry Phone Website BillingCity BillingCountry AnnualRevenue:int NumberOfEmployees:int OwnerId Owner/Name CreatedDate:datetime", v.accountRows()
	case "Contact":
		fields, rows = "Id Name FirstName LastName Title Email Phone AccountId Account/Name CreatedDate:datetime", v.contactRows()
	case "Opportunity":
		fields, rows = "Id Name StageName Amount:int CloseDate AccountId Account/Name OwnerId Owner/Name CreatedDate:datetime", v.opportunityRows()
	case "Case":
		fields, rows = "Id CaseNumber Subject Status Priority Origin AccountId Account/Name ContactId OwnerId Owner/Name CreatedDate:datetime", v.caseRows()
	case "User":
		fields, rows = "Id Name Username Email Title Department IsActive:boolean CreatedDate:datetime", v.userRows()
	}
	s := &source{n: len(rows), row: func(i int) []string { return rows[i] }}
	for _, f := range strings.Fields(fields) {
		name, kind, _ := strings.Cut(f, ":")
		s.columns = append(s.columns, world.Column{Name: name, Type: kind})
	}
	v.crm[kind] = s
	return s
}

func (v *view) accountRows() (rows [][]string) {
	for _, a := range v.AccountsAt(v.now) {
		rows = append(rows, []string{
			a.ID, a.Name, a.Industry, a.Phone, a.Website, a.City, a.Country, strconv.Itoa(a.Revenue), strconv.Itoa(a.Employees),
			a.Owner.CRMID, a.Owner.Name, sfStamp(a.Created),
		})
	}
	return rows
}

func (v *view) contactRows() (rows [][]string) {
	for _, a := range v.AccountsAt(v.now) {
		for _, c := range a.Contacts {
			if !c.Created.After(v.now) {
				rows = append(rows, []string{c.ID, c.Name, c.First, c.Last, c.Title, c.Email, c.Phone, a.ID, a.Name, sfStamp(c.Created)})
			}
		}
	}
	return rows
}

func (v *view) opportunityRows() (rows [][]string) {
	for _, a := range v.AccountsAt(v.now) {
		for _, o := range v.opportunities(a) {
			stage, since := o.Stage(v.now)
			rows = append(rows, []string{o.ID, o.Name, stage, strconv.Itoa(o.Amount), since.Format(sfDate), a.ID, a.Name, o.Owner.CRMID, o.Owner.Name, sfStamp(o.Created)})
		}
	}
	return rows
}

func (v *view) caseRows() (rows [][]string) {
	for _, c := range v.Cases(v.now) {
		rows = append(rows, []string{
			c.ID, c.Number, c.Subject, c.Status(v.now), c.Priority, c.Origin, c.Account.ID, c.Account.Name, c.Contact.ID,
			c.Owner.CRMID, c.Owner.Name, sfStamp(c.Created),
		})
	}
	return rows
}

func (v *view) userRows() (rows [][]string) {
	for _, p := range v.Staff {
		if !p.Joined.After(v.now) {
			rows = append(rows, []string{p.CRMID, p.Name, p.Email, p.Email, p.Title, p.Team.Name, "true", sfStamp(p.Joined)})
		}
	}
	return rows
}
