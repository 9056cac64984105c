#!/bin/sh
# Runs HAProxy until it ends or the container is stopped. A stop refuses new connections, and ends
# when all that was asked is answered. HAProxy alone would also wait for connections that ask for
# nothing, as it does after a reload.
state=/var/lib/mlgitops

ask() {
  echo "$1" | socat -t 10 - "UNIX-CONNECT:$state/master.sock"
}

busy() {
  for worker in $(ask 'show proc' | awk '$2 == "worker" { print $1 }'); do
    ask "@!$worker show sess"
  done | grep -q 'fe=callers'
}

stop() {
  kill -USR1 "$proxy"
  while busy; do sleep 0.1; done
  kill -TERM "$proxy"
}

haproxy -W -S "$state/master.sock,mode,600" -f "$state/haproxy.cfg" &
proxy=$!
trap stop USR1
wait "$proxy" # a signal ends the waiting, not the proxy
wait "$proxy"
