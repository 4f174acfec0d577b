// The channel: preamble, handshake, records, keys that change, the end record.
package main

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/flynn/noise"
)

const (
	mostPlain  = 65535 - 16
	rekeyAfter = 1024
)

var suite = noise.NewCipherSuite(noise.DH25519, noise.CipherChaChaPoly, noise.HashBLAKE2b)

// Channel is a connection whose bytes are records.
type Channel struct {
	conn             net.Conn
	sending          *noise.CipherState
	receiving        *noise.CipherState
	sent, received   uint64
	unread           []byte
	ended, endedOurs bool
}

func parseKey(text, prefix string) []byte {
	if !strings.HasPrefix(text, prefix) {
		fail("not a key of %s", prefix)
	}
	key, err := base64.StdEncoding.DecodeString(text[len(prefix):])
	if err != nil || len(key) != 32 {
		fail("not a key: %v", err)
	}
	return key
}

func readKey(path string) *noise.DHKey {
	text, err := os.ReadFile(path)
	check(err)
	secret := parseKey(strings.TrimSpace(string(text)), "gee-sec:")
	pair, err := noise.DH25519.GenerateKeypair(bytes.NewReader(secret))
	check(err)
	return &pair
}

func writeFrame(w io.Writer, before, message []byte) error {
	frame := append(append(before, byte(len(message)>>8), byte(len(message))), message...)
	_, err := w.Write(frame)
	return err
}

func readFrame(r io.Reader) ([]byte, error) {
	var length [2]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	message := make([]byte, binary.BigEndian.Uint16(length[:]))
	_, err := io.ReadFull(r, message)
	return message, err
}

func config(preamble []byte, initiator bool, own *noise.DHKey, server []byte) noise.Config {
	config := noise.Config{
		CipherSuite: suite,
		Random:      rand.Reader,
		Pattern:     noise.HandshakeNK,
		Initiator:   initiator,
		Prologue:    append([]byte("geerpc-seal-v1"), preamble...),
		PeerStatic:  server,
	}
	if preamble[5] == 1 {
		config.Pattern = noise.HandshakeXK
	}
	if own != nil {
		config.StaticKeypair = *own
	}
	return config
}

// shakeHands takes turns until there are ciphers: the first is the initiator's for sending.
func shakeHands(conn net.Conn, config noise.Config, first []byte) (*Channel, *noise.HandshakeState, error) {
	state, err := noise.NewHandshakeState(config)
	if err != nil {
		return nil, nil, err
	}
	var toServer, toClient *noise.CipherState
	for ours := config.Initiator; toServer == nil; ours = !ours {
		var message []byte
		if ours {
			message, toServer, toClient, err = state.WriteMessage(nil, nil)
			if err == nil {
				err = writeFrame(conn, first, message)
			}
			first = nil
		} else if message, err = readFrame(conn); err == nil {
			_, toServer, toClient, err = state.ReadMessage(nil, message)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	channel := &Channel{conn: conn, sending: toServer, receiving: toClient}
	if !config.Initiator {
		channel.sending, channel.receiving = toClient, toServer
	}
	return channel, state, nil
}

func dial(conn net.Conn, server []byte, own *noise.DHKey) (*Channel, error) {
	preamble := []byte{0xC1, 'G', 'E', 'E', 1, 2, 0, 0}
	if own != nil {
		preamble[5] = 1
	}
	channel, _, err := shakeHands(conn, config(preamble, true, own, server), append([]byte{}, preamble...))
	return channel, err
}

func accept(conn net.Conn, own *noise.DHKey, client []byte) (*Channel, error) {
	preamble := make([]byte, 8)
	if _, err := io.ReadFull(conn, preamble); err != nil {
		return nil, err
	}
	if !bytes.Equal(preamble[:5], []byte{0xC1, 'G', 'E', 'E', 1}) || preamble[6] != 0 || preamble[7] != 0 {
		return nil, fmt.Errorf("preamble % x", preamble)
	}
	channel, state, err := shakeHands(conn, config(preamble, false, own, nil), nil)
	if err == nil && client != nil && !bytes.Equal(state.PeerStatic(), client) {
		err = errors.New("another client")
	}
	return channel, err
}

func (c *Channel) writeRecord(plain []byte) error {
	message, err := c.sending.Encrypt(nil, nil, plain)
	if err != nil {
		return err
	}
	if c.sent++; c.sent%rekeyAfter == 0 {
		c.sending.Rekey()
	}
	return writeFrame(c.conn, nil, message)
}

func (c *Channel) Write(data []byte) (int, error) {
	for at := 0; at < len(data); at += mostPlain {
		end := at + mostPlain
		if end > len(data) {
			end = len(data)
		}
		if err := c.writeRecord(data[at:end]); err != nil {
			return at, err
		}
	}
	return len(data), nil
}

func (c *Channel) readRecord() error {
	message, err := readFrame(c.conn)
	if err == io.EOF {
		return errors.New("truncated: no end record")
	}
	if err != nil {
		return err
	}
	if c.unread, err = c.receiving.Decrypt(nil, nil, message); err != nil {
		return err
	}
	if c.received++; c.received%rekeyAfter == 0 {
		c.receiving.Rekey()
	}
	c.ended = len(c.unread) == 0
	return nil
}

func (c *Channel) Read(target []byte) (int, error) {
	for len(c.unread) == 0 && !c.ended {
		if err := c.readRecord(); err != nil {
			return 0, err
		}
	}
	if c.ended {
		return 0, io.EOF
	}
	count := copy(target, c.unread)
	c.unread = c.unread[count:]
	return count, nil
}

// Close says that this is the end.
func (c *Channel) Close() error {
	if c.endedOurs {
		return nil
	}
	c.endedOurs = true
	if err := c.writeRecord(nil); err != nil {
		return err
	}
	return c.conn.(*net.TCPConn).CloseWrite()
}
