package receivers

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Syslog starts every receiver of syslog that is installed.
func Syslog(tb testing.TB, authority *Authority) []*Daemon {
	tb.Helper()
	return []*Daemon{Rsyslog(tb, authority), SyslogNG(tb, authority)}
}

// rsyslogConfig has rsyslog itself parse structured data and write what it found.
// Control characters are not escaped again: what arrives is to be seen.
const rsyslogConfig = `
global(workDirectory="@DIR" maxMessageSize="256k" parser.escapeControlCharactersOnReceive="off"
  defaultNetstreamDriver="gtls" defaultNetstreamDriverCAFile="@CA"
  defaultNetstreamDriverCertFile="@CERT" defaultNetstreamDriverKeyFile="@KEY")
module(load="imudp") module(load="imptcp") module(load="mmpstrucdata") module(load="mmnormalize")
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="x509/certvalid")
input(type="imudp" address="127.0.0.1" port="@UDP" ruleset="all")
input(type="imptcp" address="127.0.0.1" port="@TCP" ruleset="all")
input(type="imptcp" address="127.0.0.1" port="@LINES" ruleset="all" supportOctetCountedFraming="off")
input(type="imtcp" address="127.0.0.1" port="@TLS" ruleset="all")
template(name="time" type="string" string="%timereported:::date-rfc3339%")
template(name="json" type="string" string="%$!%\n")
ruleset(name="all") {
  action(type="mmpstrucdata" jsonRoot="!" sd_name.lowercase="off")
  set $!pri = cnum($pri); set $!time = exec_template("time"); set $!host = $hostname; set $!app = $app-name;
  set $!pid = $procid; set $!msgid = $msgid; set $!msg = $msg;
  if $structured-data != "-" then { set $!data = $!rfc5424-sd; }
  unset $!rfc5424-sd;
  if $msg startswith "CEF:" or $msg startswith " CEF:" then { action(type="mmnormalize" rule="rule=:%cef:cef%" path="$!") }
  action(type="omfile" file="@OUT" template="json")
}
`

// Rsyslog starts rsyslog.
func Rsyslog(tb testing.TB, authority *Authority) *Daemon {
	tb.Helper()
	found := need(tb, "debian/usr/sbin/rsyslogd", "debian/usr/lib/"+multiarch()+"/rsyslog")
	dir := tb.TempDir()
	d := &Daemon{Name: "rsyslog", UDP: freePort(tb), TCP: freePort(tb), Lines: freePort(tb), TLS: freePort(tb), out: filepath.Join(dir, "out.json")}
	config := write(tb, filepath.Join(dir, "rsyslog.conf"), d.fill(tb, rsyslogConfig, dir, authority))
	start(tb, d, exec.Command(found[0], "-n", "-C", "-f", config, "-i", filepath.Join(dir, "pid"), "-M", found[1]))
	return d
}

const syslogNGConfig = `@version: 3.38
options { keep-hostname(yes); use-dns(no); use-fqdn(no); log-msg-size(262144); flush-lines(1); stats-freq(0); };
source s_udp { syslog(ip(127.0.0.1) port(@UDP) transport("udp")); };
source s_tcp { syslog(ip(127.0.0.1) port(@TCP) transport("tcp")); };
source s_lines { network(ip(127.0.0.1) port(@LINES) transport("tcp") flags(syslog-protocol)); };
source s_tls { syslog(ip(127.0.0.1) port(@TLS) transport("tls")
  tls(ca-file("@CA") cert-file("@CERT") key-file("@KEY") peer-verify(required-trusted))); };
destination d { file("@OUT" template("$(format-json pri=int(${PRI}) time=${ISODATE} host=${HOST} app=${PROGRAM} pid=${PID} msgid=${MSGID} msg=${MSG} --key .SDATA.* --rekey .SDATA.* --replace-prefix .SDATA=data)\n")); };
log { source(s_udp); source(s_tcp); source(s_lines); source(s_tls); destination(d); };
`

// SyslogNG starts syslog-ng.
func SyslogNG(tb testing.TB, authority *Authority) *Daemon {
	tb.Helper()
	found := need(tb, "debian/usr/sbin/syslog-ng", "debian/usr/lib/syslog-ng")
	modules, err := filepath.Glob(filepath.Join(found[1], "*", "libafsocket.so"))
	if err != nil || len(modules) == 0 {
		tb.Fatalf("no modules of syslog-ng below %s: %v", found[1], err)
	}
	dir := tb.TempDir()
	d := &Daemon{Name: "syslog-ng", UDP: freePort(tb), TCP: freePort(tb), Lines: freePort(tb), TLS: freePort(tb), out: filepath.Join(dir, "out.json")}
	in := func(name string) string { return filepath.Join(dir, name) }
	config := write(tb, in("syslog-ng.conf"), d.fill(tb, syslogNGConfig, dir, authority))
	command := exec.Command(found[0], "-F", "--no-caps", "-f", config, "-R", in("persist"), "-c", in("ctl"), "-p", in("pid"),
		"--module-path", filepath.Dir(modules[0]))
	command.Env = append(os.Environ(), "LD_LIBRARY_PATH="+found[1])
	start(tb, d, command)
	return d
}

func (d *Daemon) fill(tb testing.TB, config, dir string, authority *Authority) string {
	tb.Helper()
	server := authority.Issue(tb, "localhost")
	return strings.NewReplacer(
		"@DIR", dir, "@OUT", d.out,
		"@CA", write(tb, filepath.Join(dir, "ca.pem"), authority.PEM),
		"@CERT", write(tb, filepath.Join(dir, "cert.pem"), server.Cert),
		"@KEY", write(tb, filepath.Join(dir, "key.pem"), server.Key),
		"@UDP", strconv.Itoa(d.UDP), "@TCP", strconv.Itoa(d.TCP), "@TLS", strconv.Itoa(d.TLS), "@LINES", strconv.Itoa(d.Lines),
	).Replace(config)
}
