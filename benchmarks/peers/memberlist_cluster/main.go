// A whole cluster of memberlist's in one process, which does what it is told and says
// what its members see: DefaultLANConfig, a key, and loss in the transport if asked for.
//
// usage: memberlist_cluster KEY PORT...    (the key in hex; a member at each port)
//
// It reads lines of words, and what it says are lines of JSON: `at` is the system's
// monotonic clock in seconds, `who` the member, `what` it sees, `of` whom or what.
//
//	join         all join through the first, one after the other
//	say WHO NAME a member broadcasts 100 bytes: said, then heard by each
//	kill WHO     a member ends without a word: killed, then suspect and dead at others
//	revive WHO   it is started again, and joins
//	lose SHARE   so many of all UDP packets are lost from now on, each by itself
//
// A member that sees all alive says "whole". The process ends when its input does.
package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log"
	"math"
	"math/rand"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"github.com/hashicorp/memberlist"
)

const (
	host         = "127.0.0.1"
	payloadBytes = 100
	monotonic    = 1 // CLOCK_MONOTONIC
)

var suspected = regexp.MustCompile(`Suspect (\S+) has failed, no acks`)

func now() float64 {
	var at syscall.Timespec
	syscall.Syscall(
		syscall.SYS_CLOCK_GETTIME, monotonic, uintptr(unsafe.Pointer(&at)), 0)
	return float64(at.Sec) + float64(at.Nsec)/1e9
}

type event struct {
	At   float64 `json:"at"`
	Who  int     `json:"who"`
	What string  `json:"what"`
	Of   string  `json:"of"`
}

var told = json.NewEncoder(os.Stdout)
var telling sync.Mutex

func tell(who int, what string, of string) {
	telling.Lock()
	defer telling.Unlock()
	told.Encode(event{now(), who, what, of})
}

// The share of packets that is lost, as the bits of a float64.
var loss uint64

type lossy struct{ *memberlist.NetTransport }

func lost() bool {
	share := math.Float64frombits(atomic.LoadUint64(&loss))
	return share > 0 && rand.Float64() < share
}

func (t lossy) WriteTo(b []byte, addr string) (time.Time, error) {
	if lost() {
		return time.Now(), nil
	}
	return t.NetTransport.WriteTo(b, addr)
}

func (t lossy) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	if lost() {
		return time.Now(), nil
	}
	return t.NetTransport.WriteToAddress(b, a)
}

type broadcast []byte

func (b broadcast) Invalidates(memberlist.Broadcast) bool { return false }
func (b broadcast) Message() []byte                       { return b }
func (b broadcast) Finished()                             {}

// One life of a member. It hears memberlist as its delegate, and as its log.
type member struct {
	who, all int
	list     *memberlist.Memberlist
	queue    *memberlist.TransmitLimitedQueue
	alive    int32
	ended    int32
	lock     sync.Mutex
	heard    map[string]bool
}

func (m *member) tell(what string, of string) {
	if atomic.LoadInt32(&m.ended) == 0 {
		tell(m.who, what, of)
	}
}

func (m *member) NotifyJoin(*memberlist.Node) {
	if int(atomic.AddInt32(&m.alive, 1)) == m.all {
		m.tell("whole", "")
	}
}

func (m *member) NotifyLeave(node *memberlist.Node) {
	atomic.AddInt32(&m.alive, -1)
	m.tell("dead", node.Name)
}

func (m *member) NotifyUpdate(*memberlist.Node) {}
func (m *member) NodeMeta(int) []byte           { return nil }
func (m *member) LocalState(bool) []byte        { return nil }
func (m *member) MergeRemoteState([]byte, bool) {}
func (m *member) GetBroadcasts(over, most int) [][]byte {
	return m.queue.GetBroadcasts(over, most)
}

// What is heard for the first time is passed on, as serf does it.
func (m *member) NotifyMsg(data []byte) {
	name := strings.TrimSpace(string(data))
	m.lock.Lock()
	known := m.heard[name]
	m.heard[name] = true
	m.lock.Unlock()
	if !known {
		m.tell("heard", name)
		m.queue.QueueBroadcast(broadcast(append([]byte(nil), data...)))
	}
}

func (m *member) Write(line []byte) (int, error) {
	if found := suspected.FindSubmatch(line); found != nil {
		m.tell("suspect", string(found[1]))
	}
	return len(line), nil
}

func start(who int, ports []int, key []byte) *member {
	m := &member{who: who, all: len(ports), heard: map[string]bool{}}
	transport, err := memberlist.NewNetTransport(&memberlist.NetTransportConfig{
		BindAddrs: []string{host},
		BindPort:  ports[who],
		Logger:    log.New(m, "", 0),
	})
	check(err)
	config := memberlist.DefaultLANConfig()
	config.Name = strconv.Itoa(who)
	config.BindAddr, config.BindPort = host, ports[who]
	config.AdvertisePort = ports[who]
	config.Transport = lossy{transport}
	config.SecretKey = key
	config.Delegate, config.Events = m, m
	config.LogOutput = m
	m.queue = &memberlist.TransmitLimitedQueue{
		NumNodes:       func() int { return int(atomic.LoadInt32(&m.alive)) },
		RetransmitMult: config.RetransmitMult,
	}
	m.list, err = memberlist.Create(config)
	check(err)
	return m
}

func (m *member) join(port int) {
	for {
		_, err := m.list.Join([]string{fmt.Sprintf("%s:%d", host, port)})
		if err == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (m *member) say(name string) {
	data := []byte(fmt.Sprintf("%-*s", payloadBytes, name))
	m.tell("said", name)
	m.NotifyMsg(data)
}

func (m *member) kill() {
	tell(m.who, "killed", strconv.Itoa(m.who))
	atomic.StoreInt32(&m.ended, 1)
	m.list.Shutdown()
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func number(word string) int {
	found, err := strconv.Atoi(word)
	check(err)
	return found
}

func do(words []string, members []*member, ports []int, key []byte) {
	switch words[0] {
	case "join":
		for _, one := range members[1:] {
			one.join(ports[0])
		}
	case "say":
		members[number(words[1])].say(words[2])
	case "kill":
		members[number(words[1])].kill()
	case "revive":
		who := number(words[1])
		members[who] = start(who, ports, key)
		members[who].join(ports[(who+1)%len(ports)])
	case "lose":
		share, err := strconv.ParseFloat(words[1], 64)
		check(err)
		atomic.StoreUint64(&loss, math.Float64bits(share))
	default:
		log.Fatalf("unknown: %q", words)
	}
}

func main() {
	if len(os.Args) < 3 {
		log.Fatal("usage: memberlist_cluster KEY PORT...")
	}
	rand.Seed(time.Now().UnixNano())
	key, err := hex.DecodeString(os.Args[1])
	check(err)
	var ports []int
	for _, word := range os.Args[2:] {
		ports = append(ports, number(word))
	}
	var members []*member
	for who := range ports {
		members = append(members, start(who, ports, key))
		tell(who, "ready", "")
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		do(strings.Fields(lines.Text()), members, ports, key)
	}
}
