package enterprise

import (
	"strconv"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/persona/world"
)

// sfValue is the value of a field: text, or a number that dates and booleans are,
// too. Times are in milliseconds.
type sfValue struct {
	null bool
	s    string
	n    int64
}

// sfField is a field of a Salesforce object. Kinds: s text, i an id, n a number, b
// a boolean, t a time, d a date.
type sfField struct {
	name     string
	kind     byte
	relation string // of an id: what the object it leads to is called
	parent   string // and its type
}

// sfObject is an object with all its records at one moment. Fields are computed
// when they are asked for.
type sfObject struct {
	name     string
	n        int
	fields   []sfField
	children []string // pairs: what a list of records is called, and their object
	value    func(i, field int) sfValue
	byID     map[string]int
}

// sfSchema has, for each object, its fields as name:kind, in the order in which
// the value functions number them. A kind that is an object's name makes a
// reference of the field; a bar ends the fields and begins the children.
var sfSchema = [...]struct{ name, fields string }{
	{"Account", "Id:i Name:s Industry:s Phone:s Website:s BillingStreet:s BillingCity:s BillingPostalCode:s BillingCountry:s AnnualRevenue:n NumberOfEmployees:n Plan__c:s OwnerId:User CreatedDate:t IsDeleted:b | Contacts Contact Opportunities Opportunity Cases Case"},
	{"Contact", "Id:i Name:s FirstName:s LastName:s Title:s Email:s Phone:s AccountId:Account CreatedDate:t IsDeleted:b | Cases Case"},
	{"Opportunity", "Id:i Name:s StageName:s Amount:n CloseDate:d IsClosed:b IsWon:b AccountId:Account OwnerId:User CreatedDate:t IsDeleted:b"},
	{"Case", "Id:i CaseNumber:s Subject:s Status:s Priority:s Origin:s IsClosed:b ClosedDate:t AccountId:Account ContactId:Contact OwnerId:User CreatedDate:t IsDeleted:b"},
	{"User", "Id:i Name:s FirstName:s LastName:s Username:s Email:s Title:s Department:s Phone:s IsActive:b CreatedDate:t IsDeleted:b"},
	{"Organization", "Id:i Name:s Country:s OrganizationType:s IsSandbox:b CreatedDate:t IsDeleted:b"},
}

// field returns the number of a field, -1 when there is none.
func (o *sfObject) field(name string) int {
	for i := range o.fields {
		if len(o.fields[i].name) == len(name) && strings.EqualFold(o.fields[i].name, name) {
			return i
		}
	}
	return -1
}

// relation returns the number of the reference that leads to a parent.
func (o *sfObject) relation(name string) int {
	for i := range o.fields {
		if r := o.fields[i].relation; r != "" && strings.EqualFold(r, name) {
			return i
		}
	}
	return -1
}

// child returns the name of a list of records and their object.
func (o *sfObject) child(name string) (list, object string) {
	for i := 0; i < len(o.children); i += 2 {
		if strings.EqualFold(o.children[i], name) {
			return o.children[i], o.children[i+1]
		}
	}
	return "", ""
}

// find returns the record of an id, -1 when there is none.
func (o *sfObject) find(id string) int {
	if o.byID == nil {
		o.byID = make(map[string]int, o.n)
		for i := range o.n {
			o.byID[o.value(i, 0).s] = i
		}
	}
	if i, ok := o.byID[id]; ok {
		return i
	}
	return -1
}

// object returns an object by name, nil when there is none.
func (v *view) object(name string) *sfObject {
	for i := range sfSchema {
		if strings.EqualFold(sfSchema[i].name, name) {
			if v.objects[i] == nil {
				v.objects[i] = v.makeObject(i)
			}
			return v.objects[i]
		}
	}
	return nil
}

func (v *view) makeObject(n int) *sfObject {
	o := &sfObject{name: sfSchema[n].name}
	fields, children, _ := strings.Cut(sfSchema[n].fields, "|")
	o.children = strings.Fields(children)
	for field := range strings.FieldsSeq(fields) {
		name, kind, _ := strings.Cut(field, ":")
		f := sfField{name: name, kind: kind[0]}
		if len(kind) > 1 {
			f.kind, f.relation, f.parent = 'i', strings.TrimSuffix(name, "Id"), kind
		}
		o.fields = append(o.fields, f)
	}
	switch o.name {
	case "Account":
		rows := v.AccountsAt(v.now)
		o.n, o.value = len(rows), func(i, f int) sfValue { return accountValue(rows[i], f) }
	case "Contact":
		rows := v.customers()
		o.n, o.value = len(rows), func(i, f int) sfValue { return contactValue(&rows[i], f) }
	case "Opportunity":
		var rows []*world.Opportunity
		for _, a := range v.AccountsAt(v.now) {
			rows = append(rows, v.opportunities(a)...)
		}
		o.n, o.value = len(rows), func(i, f int) sfValue { return v.opportunityValue(rows[i], f) }
	case "Case":
		rows := v.Cases(v.now)
		o.n, o.value = len(rows), func(i, f int) sfValue { return v.caseValue(rows[i], f) }
	case "User":
		var rows []*world.Person
		for _, p := range v.Staff {
			if !p.Joined.After(v.now) {
				rows = append(rows, p)
			}
		}
		o.n, o.value = len(rows), func(i, f int) sfValue { return userValue(rows[i], f) }
	default:
		o.n, o.value = 1, func(_, f int) sfValue { return v.organizationValue(f) }
	}
	return o
}

func sfNumber(n int) sfValue { return sfValue{n: int64(n)} }

func sfBool(b bool) sfValue {
	if b {
		return sfValue{n: 1}
	}
	return sfValue{}
}

func sfMoment(t time.Time) sfValue { return sfValue{n: t.UnixMilli(), null: t.IsZero()} }

// sfPick is the value of a field that is one of the first: texts in the order of
// the schema.
func sfPick(field int, texts ...string) sfValue {
	if field < len(texts) {
		return sfValue{s: texts[field]}
	}
	return sfValue{}
}

func accountValue(a *world.Account, field int) sfValue {
	switch field {
	case 9:
		return sfNumber(a.Revenue)
	case 10:
		return sfNumber(a.Employees)
	case 13:
		return sfMoment(a.Created)
	}
	return sfPick(field, a.ID, a.Name, a.Industry, a.Phone, a.Website, a.Street, a.City, a.PostalCode, a.Country, "", "", a.Plan, a.Owner.CRMID)
}

// customer is a contact with its account.
type customer struct {
	of *world.Account
	*world.Contact
}

func (v *view) customers() (out []customer) {
	for _, a := range v.AccountsAt(v.now) {
		for i := range a.Contacts {
			if !a.Contacts[i].Created.After(v.now) {
				out = append(out, customer{a, &a.Contacts[i]})
			}
		}
	}
	return out
}

func contactValue(c *customer, field int) sfValue {
	if field == 8 {
		return sfMoment(c.Created)
	}
	return sfPick(field, c.ID, c.Name, c.First, c.Last, c.Title, c.Email, c.Phone, c.of.ID)
}

func (v *view) opportunityValue(o *world.Opportunity, field int) sfValue {
	stage, since := o.Stage(v.now)
	switch field {
	case 3:
		return sfNumber(o.Amount)
	case 4:
		return sfMoment(since)
	case 5:
		return sfBool(strings.HasPrefix(stage, "Closed"))
	case 6:
		return sfBool(stage == "Closed Won")
	case 9:
		return sfMoment(o.Created)
	}
	return sfPick(field, o.ID, o.Name, stage, "", "", "", "", o.Account.ID, o.Owner.CRMID)
}

func (v *view) caseValue(c *world.Case, field int) sfValue {
	switch field {
	case 3:
		return sfValue{s: c.Status(v.now)}
	case 6, 7:
		at, closed := c.Closed(v.now)
		if field == 6 {
			return sfBool(closed)
		}
		return sfValue{n: at.UnixMilli(), null: !closed}
	case 11:
		return sfMoment(c.Created)
	}
	return sfPick(field, c.ID, c.Number, c.Subject, "", c.Priority, c.Origin, "", "", c.Account.ID, c.Contact.ID, c.Owner.CRMID)
}

func userValue(p *world.Person, field int) sfValue {
	switch field {
	case 9:
		return sfBool(true)
	case 10:
		return sfMoment(p.Joined)
	}
	return sfPick(field, p.CRMID, p.Name, p.First, p.Last, p.Email, p.Email, p.Title, p.Team.Name, p.Phone)
}

func (v *view) organizationValue(field int) sfValue {
	if field == 5 {
		return sfMoment(v.Staff[0].Joined)
	}
	id := "00D" + v.Staff[0].CRMID[3:15]
	return sfPick(field, id+world.SalesforceChecksum(id), v.Org.Name, v.Org.Country, "Enterprise Edition")
}

// sfText is a value as the API writes it, without quotes.
func sfText(kind byte, v sfValue) string {
	switch kind {
	case 'n':
		return strconv.FormatInt(v.n, 10)
	case 'b':
		return strconv.FormatBool(v.n != 0)
	case 't':
		return format(time.UnixMilli(v.n).UTC(), sfTime)
	case 'd':
		return format(time.UnixMilli(v.n).UTC(), milliTime)[:len(sfDate)]
	}
	return v.s
}
