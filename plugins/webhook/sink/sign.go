package sink

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// sign sets the headers of Standard Webhooks 1.0: an id that stays the same over
// retries, the time of this attempt, and a signature by each key, so that a
// receiver that has not changed its secret yet finds one it can verify.
func sign(header http.Header, keys [][]byte, id string, at time.Time, body []byte) {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	header.Set("webhook-id", id)
	header.Set("webhook-timestamp", timestamp)
	var signatures []string
	for _, key := range keys {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + timestamp + "."))
		mac.Write(body)
		signatures = append(signatures, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	if len(signatures) > 0 {
		header.Set("webhook-signature", strings.Join(signatures, " "))
	}
}

// identity is the id of a message that carries these events. It follows from
// theirs alone: the same events have the same id, whenever they are sent.
func identity(events []sdk.Event) string {
	if len(events) == 1 && word(events[0].ID) {
		return "evt_" + events[0].ID
	}
	sum := sha256.New()
	for i := range events {
		sum.Write([]byte(events[i].ID + "\n"))
	}
	return "msg_" + hex.EncodeToString(sum.Sum(nil)[:16])
}

// word says whether s can stand in an id, which has no dots.
func word(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return s != "" && len(s) <= 64
}
