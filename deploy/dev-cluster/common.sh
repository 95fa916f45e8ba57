# Names, addresses and small functions of one development cluster. Every script here sources it.
#
#   SPAWNER_DEV_CLUSTER_RUN    the cluster's own directory    (default ~/.cache/spawner/dev-cluster)
#   SPAWNER_DEV_CLUSTER_INDEX  0..15, one per cluster that runs at the same time       (default 0)

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
run=$(realpath -m "${SPAWNER_DEV_CLUSTER_RUN:-$HOME/.cache/spawner/dev-cluster}")
index=${SPAWNER_DEV_CLUSTER_INDEX:-0}
nodes=1
# What `up` wrote holds as long as the cluster is there, whatever the environment says by now.
# shellcheck source=/dev/null
[ -e "$run/settings" ] && . "$run/settings"

cgroup=spawner-dev-$index            # below each cgroup hierarchy
interface=spawner$index              # the host's end of the only wire into the cluster
node_network=10.245.$index           # .1 the host, .2 the control plane, .11 the first node, ...
pod_network=10.244.$((16 * index)).0/20
service_network=10.96.$index
api_server=https://$node_network.2:6443

node_address() { echo "$node_network.$((10 + $1))"; }         # NUMBER
node_pods() { echo "10.244.$((16 * index + $1))"; }           # NUMBER: the start of its /24

say() { echo "dev-cluster: $*" >&2; }
fail() { say "$*"; exit 1; }

# True while the cluster's first process is there. Compares its command too: numbers are reused.
is_up() {
  local init
  init=$(cat "$run/pid/init" 2>/dev/null) || return 1
  tr '\0' ' ' 2>/dev/null <"/proc/$init/cmdline" | grep -qF "$here/control-plane.sh $run "
}

# enter PLACE COMMAND...: runs it in the namespaces of node1, node2 or control-plane.
enter() {
  local place=$1 into=(nsenter --target "$(cat "$run/pid/init")" --mount --net --pid --uts --)
  shift
  if [ "$place" = control-plane ]; then
    "${into[@]}" "$@"
  else
    # A node's first process is the child of the unshare(1) that the control plane started.
    "${into[@]}" /bin/bash -c '
      unshare=$(cat "$0") || exit
      read -r init <"/proc/$unshare/task/$unshare/children"
      exec nsenter --target "$init" --mount --net --pid --uts -- "$@"' "$run/pid/$place" "$@"
  fi
}

# supervise PROGRAM COMMAND...: keeps it running. Its log is log/PROGRAM.log, its process number
# (as its own pid namespace counts) pid/PROGRAM. While hold/PROGRAM exists it is not started.
supervise() {
  local program=$1
  shift
  (
    while :; do
      while [ -e "$run/hold/$program" ]; do sleep 0.1; done
      "$@" >>"$run/log/$program.log" 2>&1 </dev/null &
      echo $! >"$run/pid/$program"
      wait $!
      echo "== $program ended with status $? at $(date +%T.%3N)" >>"$run/log/$program.log"
      rm -f "$run/pid/$program"
      sleep 0.2
    done
  ) &
}
