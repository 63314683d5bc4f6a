package enterprise

import (
	"strconv"
	"strings"

	"github.com/killdeer-mcp/killdeer/persona/world"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

const (
	sfTime   = "2006-01-02T15:04:05.000+0000"
	sfDate   = "2006-01-02"
	sfAPI    = "/services/data/v59.0/sobjects/"
	maxCases = 20
)

func salesforceAccount(v *view, a args, w *guest.Writer) error {
	acc := v.AccountBy(a.text("company_name"), v.now)
	if acc == nil {
		return refusal("NOT_FOUND: The requested resource does not exist")
	}
	w.Obj()
	attributes(w, "Account", acc.ID)
	w.Key("Id").Str(acc.ID).Key("Name").Str(acc.Name).Key("Industry").Str(acc.Industry).Key("Phone").Str(acc.Phone).Key("Website").Str(acc.Website)
	w.Key("BillingAddress").Obj().Key("street").Str(acc.Street).Key("city").Str(acc.City).Key("postalCode").Str(acc.PostalCode).Key("country").Str(acc.Country).End()
	w.Key("AnnualRevenue").Int(int64(acc.Revenue)).Key("NumberOfEmployees").Int(int64(acc.Employees))
	w.Key("OwnerId").Str(acc.Owner.CRMID).Key("Owner").Obj().Key("Name").Str(acc.Owner.Name).End()
	stamp(w, "CreatedDate", acc.Created, sfTime)
	writeContacts(w, v, acc)
	writeOpportunities(w, v, acc)
	w.Key("Cases").Arr()
	for _, c := range v.CasesOf(acc, maxCases, v.now) {
		w.Obj().Key("Id").Str(c.ID).Key("CaseNumber").Str(c.Number).Key("Subject").Str(c.Subject).Key("Status").Str(c.Status(v.now)).Key("Priority").Str(c.Priority)
		stamp(w, "CreatedDate", c.Created, sfTime).End()
	}
	w.End().Key("AccountTeamMembers").Arr()
	for i, p := range acc.Team {
		role := [...]string{"Account Manager", "Customer Success"}[i%2]
		w.Obj().Key("UserId").Str(p.CRMID).Key("Name").Str(p.Name).Key("Email").Str(p.Email).Key("TeamMemberRole").Str(role).End()
	}
	w.End().End()
	return nil
}

func attributes(w *guest.Writer, kind, id string) {
	w.Key("attributes").Obj().Key("type").Str(kind).Key("url").Str(sfAPI + kind + "/" + id).End()
}

func writeContacts(w *guest.Writer, v *view, acc *world.Account) {
	w.Key("Contacts").Arr()
	for _, c := range acc.Contacts {
		if c.Created.After(v.now) {
			continue
		}
		w.Obj().Key("Id").Str(c.ID).Key("Name").Str(c.Name).Key("Title").Str(c.Title).Key("Email").Str(c.Email).Key("Phone").Str(c.Phone).End()
	}
	w.End()
}

func writeOpportunities(w *guest.Writer, v *view, acc *world.Account) {
	w.Key("Opportunities").Arr()
	for _, o := range v.opportunities(acc) {
		stage, since := o.Stage(v.now)
		w.Obj().Key("Id").Str(o.ID).Key("Name").Str(o.Name).Key("StageName").Str(stage).Key("Amount").Int(int64(o.Amount))
		stamp(w, "CloseDate", since, sfDate)
		w.Key("OwnerId").Str(o.Owner.CRMID).End()
	}
	w.End()
}

func salesforceReports(v *view, a args, w *guest.Writer) error {
	w.Obj().Key("reports").Arr()
	left := a.limit("limit", 25, 200)
	for _, r := range v.Reports() {
		if r.Restricted || r.Created.After(v.now) {
			continue
		}
		if left--; left < 0 {
			continue
		}
		w.Obj().Key("id").Str(r.ID).Key("name").Str(r.Name).Key("folder").Str(r.Folder).Key("format").Str(r.Format)
		stamp(w, "lastRunDate", r.LastRun(v.now), sfTime).End()
	}
	w.End().End()
	return nil
}

// reportColumns are the columns of a report by its kind.
func reportColumns(kind string) []string {
	switch kind {
	case "opportunities":
		return []string{"Opportunity Name", "Account Name", "Stage", "Amount", "Owner"}
	case "cases":
		return []string{"Case Number", "Account Name", "Subject", "Status", "Owner"}
	}
	return []string{"Account Name", "Industry", "Plan", "Annual Revenue", "Account Owner"}
}

const maxReportRows = 200

func (v *view) reportRows(kind string) [][]string {
	var rows [][]string
	switch kind {
	case "cases":
		all := v.Cases(v.now)
		for i := len(all) - 1; i >= 0 && len(rows) < maxReportRows; i-- {
			c := all[i]
			rows = append(rows, []string{c.Number, c.Account.Name, c.Subject, c.Status(v.now), c.Owner.Name})
		}
		return rows
	case "opportunities":
		for _, a := range v.AccountsAt(v.now) {
			for _, o := range v.opportunities(a) {
				stage, _ := o.Stage(v.now)
				rows = append(rows, []string{o.Name, a.Name, stage, strconv.Itoa(o.Amount), o.Owner.Name})
			}
		}
	default:
		for _, a := range v.AccountsAt(v.now) {
			rows = append(rows, []string{a.Name, a.Industry, a.Plan, strconv.Itoa(a.Revenue), a.Owner.Name})
		}
	}
	return rows[:min(len(rows), maxReportRows)]
}

// keeps tells whether a row belongs in a report, by what the report's name says.
func keeps(report string, row []string) bool {
	switch name := strings.ToLower(report); {
	case strings.Contains(name, "open pipeline"):
		return !strings.HasPrefix(row[2], "Closed")
	case strings.Contains(name, "closed won"):
		return row[2] == "Closed Won"
	case strings.Contains(name, "key accounts"):
		return row[2] == "enterprise"
	case strings.Contains(name, "open cases"):
		return row[3] != "Closed"
	}
	return true
}

func salesforceReport(v *view, a args, w *guest.Writer) error {
	name := a.text("report_name")
	for _, r := range v.Reports() {
		if (strings.EqualFold(r.Name, name) || r.ID == name) && !r.Created.After(v.now) {
			if r.Restricted {
				return errReportClosed
			}
			writeReport(w, v, r)
			return nil
		}
	}
	return refusal("NOT_FOUND: The requested resource does not exist")
}

func writeReport(w *guest.Writer, v *view, r *world.Report) {
	columns := reportColumns(r.Kind)
	w.Obj().Key("reportMetadata").Obj().Key("id").Str(r.ID).Key("name").Str(r.Name).Key("format").Str(r.Format)
	w.Key("reportType").Obj().Key("label").Str(r.Type).End().End().Key("factMap").Obj().Key("T!T").Obj().Key("rows").Arr()
	n := 0
	for _, row := range v.reportRows(r.Kind) {
		if !keeps(r.Name, row) {
			continue
		}
		n++
		w.Obj().Key("dataCells").Arr()
		for _, cell := range row {
			w.Obj().Key("label").Str(cell).Key("value").Str(cell).End()
		}
		w.End().End()
	}
	w.End().Key("aggregates").Arr().Obj().Key("label").Str(strconv.Itoa(n)).Key("value").Int(int64(n)).End().End().End().End()
	w.Key("columns").Arr()
	for _, c := range columns {
		w.Str(c)
	}
	w.End().End()
}
