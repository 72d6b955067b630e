// One member of a memberlist cluster, as its users run it: DefaultLANConfig and a key.
//
// usage: peer ADDRESS PORT KEY    (the key in hex, 16, 24 or 32 bytes)
//
// It says "ready" once it answers, and ends when its standard input does.
package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"io/ioutil"
	"log"
	"os"
	"strconv"

	"github.com/hashicorp/memberlist"
)

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: peer ADDRESS PORT KEY")
	}
	port, err := strconv.Atoi(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	key, err := hex.DecodeString(os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	config := memberlist.DefaultLANConfig()
	config.Name = "peer"
	config.BindAddr = os.Args[1]
	config.BindPort = port
	config.AdvertisePort = port
	config.SecretKey = key
	if _, err := memberlist.Create(config); err != nil {
		log.Fatal(err)
	}
	fmt.Println("ready")
	io.Copy(ioutil.Discard, os.Stdin)
}
