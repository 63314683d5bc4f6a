package sinkhole

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
)

const (
	maxCommand = 64 << 10 // bytes of a line
	maxMessage = 256 << 10
)

// talker is a protocol in which the server speaks first. It says yes to
// everything, so that the client goes on.
type talker struct {
	name   string
	banner string
	answer func(line string, data *bool) string // nil: only the banner
}

var (
	ftp  = talker{"FTP", "220 (vsFTPd 3.0.3)\r\n", answerFTP}
	ssh  = talker{"SSH", "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n", nil}
	smtp = talker{"SMTP", "220 mx1 ESMTP Postfix\r\n", answerSMTP}
	pop3 = talker{"POP3", "+OK Dovecot ready.\r\n", func(string, *bool) string { return "+OK\r\n" }}
	imap = talker{"IMAP", "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] Dovecot ready.\r\n", answerIMAP}

	talkers    = map[int]talker{21: ftp, 22: ssh, 25: smtp, 587: smtp, 2525: smtp, 110: pop3, 143: imap}
	talkersTLS = map[int]talker{465: smtp, 990: ftp, 993: imap, 995: pop3}
)

// talk greets and answers line by line until the client ends.
func (s *Sink) talk(c net.Conn, f *flow, t talker) {
	f.note(func(r *evidence.Flow) { r.Answered = t.name + " banner" })
	_ = c.SetWriteDeadline(time.Now().Add(writeTimeout))
	if _, err := io.WriteString(c, t.banner); err != nil || t.answer == nil {
		drain(c)
		return
	}
	defer drain(c)
	in := bufio.NewReaderSize(c, maxCommand)
	data := false
	for {
		_ = c.SetDeadline(time.Now().Add(idleTimeout))
		line, err := in.ReadSlice('\n')
		if err != nil {
			return
		}
		if _, err := io.WriteString(c, t.answer(strings.TrimRight(string(line), "\r\n"), &data)); err != nil {
			return
		}
	}
}

func verb(line string) string {
	v, _, _ := strings.Cut(line, " ")
	return strings.ToUpper(v)
}

// answerSMTP plays a mail server that takes any mail (RFC 5321).
func answerSMTP(line string, data *bool) string {
	if *data {
		if line != "." {
			return ""
		}
		*data = false
		return "250 2.0.0 Ok: queued\r\n"
	}
	switch verb(line) {
	case "EHLO":
		return "250-mx1\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME\r\n"
	case "AUTH":
		return "235 2.7.0 Authentication successful\r\n"
	case "DATA":
		*data = true
		return "354 End data with <CR><LF>.<CR><LF>\r\n"
	case "STARTTLS":
		return "502 5.5.1 Error: command not implemented\r\n"
	case "QUIT":
		return "221 2.0.0 Bye\r\n"
	}
	return "250 2.0.0 Ok\r\n"
}

func answerFTP(line string, _ *bool) string {
	switch verb(line) {
	case "USER":
		return "331 Please specify the password.\r\n"
	case "PASS":
		return "230 Login successful.\r\n"
	case "QUIT":
		return "221 Goodbye.\r\n"
	}
	return "200 OK\r\n"
}

func answerIMAP(line string, _ *bool) string {
	tag, _, _ := strings.Cut(line, " ")
	return cut(tag, 64) + " OK done\r\n"
}

// Message types of an SSH agent (draft-ietf-sshm-ssh-agent §6.1).
const (
	agentFailure           = 5
	agentRequestIdentities = 11
	agentIdentitiesAnswer  = 12
)

// serveAgent plays an SSH agent without keys.
func (s *Sink) serveAgent(c net.Conn, f *flow) {
	defer drain(c)
	f.note(func(r *evidence.Flow) { r.Answered = "SSH agent without keys" })
	var head [4]byte
	for {
		_ = c.SetDeadline(time.Now().Add(idleTimeout))
		if _, err := io.ReadFull(c, head[:]); err != nil {
			return
		}
		size := binary.BigEndian.Uint32(head[:])
		if size == 0 || size > maxMessage {
			return
		}
		msg := make([]byte, size)
		if _, err := io.ReadFull(c, msg); err != nil {
			return
		}
		out := []byte{0, 0, 0, 1, agentFailure}
		if msg[0] == agentRequestIdentities {
			out = []byte{0, 0, 0, 5, agentIdentitiesAnswer, 0, 0, 0, 0}
		}
		if _, err := c.Write(out); err != nil {
			return
		}
	}
}
