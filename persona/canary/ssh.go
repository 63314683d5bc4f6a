package canary

import "strings"

// sshLine is how many characters ssh-keygen puts on a line.
const sshLine = 70

// ssh draws an unencrypted Ed25519 key in the form that ssh-keygen writes
// (OpenSSH's PROTOCOL.key), or one of its lines, or its public half.
func (d draw) ssh(part string) string {
	seed := d.bytes(32)
	check := d.bytes(4)
	public := d.Public(seed)
	comment := d.stem(12) + "@" + d.stem(4)
	blob := append(packed([]byte("ssh-ed25519")), packed(public)...)
	if part == "public" {
		return "ssh-ed25519 " + pad64(encode64(base64s, blob)) + " " + comment
	}
	text := sshText(blob, seed, check, public, comment)
	if strings.HasPrefix(part, "line") {
		return line(text, part)
	}
	return text
}

func sshText(blob, seed, check, public []byte, comment string) string {
	secret := append(append([]byte(nil), check...), check...)
	secret = append(secret, blob...)
	secret = append(secret, packed(append(append([]byte(nil), seed...), public...))...)
	secret = append(secret, packed([]byte(comment))...)
	for i := byte(1); len(secret)%8 != 0; i++ {
		secret = append(secret, i)
	}
	key := []byte("openssh-key-v1\x00")
	for _, field := range [][]byte{[]byte("none"), []byte("none"), nil} { // cipher, kdf and its options
		key = append(key, packed(field)...)
	}
	key = append(key, 0, 0, 0, 1) // keys
	key = append(append(key, packed(blob)...), packed(secret)...)
	var b strings.Builder
	b.WriteString("-----BEGIN OPENSSH PRIVATE KEY-----\n")
	for body := pad64(encode64(base64s, key)); body != ""; {
		n := min(sshLine, len(body))
		b.WriteString(body[:n] + "\n")
		body = body[n:]
	}
	b.WriteString("-----END OPENSSH PRIVATE KEY-----\n")
	return b.String()
}

// packed is an SSH string: its length, then its bytes.
func packed(b []byte) []byte {
	n := len(b)
	return append([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}, b...)
}

func pad64(s string) string { return s + "==="[:(4-len(s)%4)%4] }
