package pgsql

import "strings"

// Units of settings, as "value unit factor": the largest that divides a value is
// what SHOW prints.
const (
	memoryUnits = "GB 1048576 MB 1024 kB 1"
	timeUnits   = "d 86400000 h 3600000 min 60000 s 1000 ms 1"
)

// measured are the settings that have a unit.
var measured = map[string]string{
	"work_mem": memoryUnits, "maintenance_work_mem": memoryUnits, "temp_buffers": memoryUnits, "effective_cache_size": memoryUnits,
	"statement_timeout": timeUnits, "lock_timeout": timeUnits, "idle_in_transaction_session_timeout": timeUnits,
}

// choices are the values of settings that are one of a list.
var choices = map[string]string{
	"client_min_messages": " debug5 debug4 debug3 debug2 debug1 log notice warning error ",
	"bytea_output":        " hex escape ", "intervalstyle": " postgres postgres_verbose sql_standard iso_8601 ",
	"default_transaction_isolation": " serializable repeatable\u00a0read read\u00a0committed read\u00a0uncommitted ",
}

// canonical is a value as SHOW prints it.
func (x *exec) canonical(name, value string) string {
	name = strings.ToLower(name)
	switch {
	case name == "timezone":
		return x.zoneName(value)
	case measured[name] != "":
		return measure(name, value, measured[name])
	case choices[name] != "":
		lower := strings.ToLower(value)
		if !strings.Contains(choices[name], " "+strings.ReplaceAll(lower, " ", "\u00a0")+" ") {
			panic(&Error{Severity: "ERROR", Code: codeBadArgument, Message: `invalid value for parameter "` + x.properName(name) + `": "` + value + `"`, Hint: "Available values: " +
				strings.ReplaceAll(strings.ReplaceAll(strings.TrimSpace(choices[name]), " ", ", "), "\u00a0", " ") + "."})
		}
		return lower
	}
	return value
}

// properName is a setting's name in its own case.
func (x *exec) properName(name string) string {
	for _, s := range x.settings() {
		if strings.EqualFold(s.Name, name) {
			return s.Name
		}
	}
	return name
}

func (x *exec) zoneName(value string) string {
	z, ok := findZone(value)
	switch {
	case !ok:
		fail(codeBadArgument, `invalid value for parameter "TimeZone": "`+value+`"`)
	case len(value) <= 4 && z.offset == 0:
		return strings.ToUpper(value)
	}
	parts := strings.Split(strings.ToLower(value), "/")
	for i, p := range parts {
		words := strings.Split(p, "_")
		for k, w := range words {
			words[k] = initcap(w)
		}
		parts[i] = strings.Join(words, "_")
	}
	return strings.Join(parts, "/")
}

// measure reads a number with a unit and writes it in the largest that fits.
func measure(name, value, units string) string {
	end := 0
	for end < len(value) && (value[end] >= '0' && value[end] <= '9' || end == 0 && value[end] == '-') {
		end++
	}
	n, ok := digits(strings.TrimPrefix(value[:end], "-"))
	unit := strings.TrimSpace(value[end:])
	list := strings.Fields(units)
	known := unit == ""
	for i := 0; i < len(list); i += 2 {
		if list[i] == unit {
			factor, _ := digits(list[i+1])
			n, known = n*factor, true
		}
	}
	if !ok || !known {
		hint := `Valid units for this parameter are "B", "kB", "MB", "GB", and "TB".`
		if units == timeUnits {
			hint = `Valid units for this parameter are "us", "ms", "s", "min", "h", and "d".`
		}
		if !ok {
			hint = ""
		}
		panic(&Error{Severity: "ERROR", Code: codeBadArgument, Message: `invalid value for parameter "` + name + `": "` + value + `"`, Hint: hint})
	}
	for i := 0; i < len(list); i += 2 {
		if factor, _ := digits(list[i+1]); n >= factor && n%factor == 0 && n > 0 {
			return intText(int64(n/factor)) + list[i]
		}
	}
	return value[:end]
}
