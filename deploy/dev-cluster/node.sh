#!/bin/bash
# node.sh RUN NUMBER: the first process of one node, in its own pid, mount, network and host name
# namespaces: containerd, kubelet and kube-proxy under the paths and ports they have everywhere,
# which are ours alone here. Everything they store is in memory and ends with this process.
set -u
export SPAWNER_DEV_CLUSTER_RUN=$1
number=$2
. "$(dirname "$0")/common.sh"
PATH=$run/bin:/usr/sbin:/usr/bin:/sbin:/bin
node=node$number
address=$(node_address "$number")
pods=$(node_pods "$number")

hostname "$node"
mount --make-rshared /      # as kubelet wants it; the namespace itself is cut off from the host's
for directory in /run /var/lib /var/log; do mount -t tmpfs tmpfs "$directory"; done
mkdir -p /run/netns /run/sysctl /var/lib/kubelet /var/lib/cni/net.d

# kubelet sets these for the whole machine. Here it finds each as it wants it, in a file of ours.
while read -r name value; do
  [ -e "/proc/sys/$name" ] || continue
  echo "$value" >"/run/sysctl/${name//\//.}"
  mount --bind "/run/sysctl/${name//\//.}" "/proc/sys/$name"
done <<END
vm/overcommit_memory 1
vm/panic_on_oom 0
kernel/panic 10
kernel/panic_on_oops 1
kernel/keys/root_maxkeys 1000000
kernel/keys/root_maxbytes 25000000
END

# --- the network --------------------------------------------------------------------------------
echo 1 >/proc/sys/net/ipv4/ip_forward
# Without it a pod cannot reach a Service whose backend is on the pod's own node.
[ -e /proc/sys/net/bridge ] && echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables
ip link set lo up
ip address replace "$address/24" dev eth0
ip link set eth0 up
for other in $(seq "$nodes"); do
  [ "$other" = "$number" ] ||
    ip route replace "$(node_pods "$other").0/24" via "$(node_address "$other")"
done
# kube-proxy turns these addresses into others, but what the node itself sends must find a way first.
ip route replace "$service_network.0/24" dev eth0
cat >/var/lib/cni/net.d/10-pods.conflist <<END
{"cniVersion": "1.0.0", "name": "pods", "plugins": [{
  "type": "bridge", "bridge": "pods", "isDefaultGateway": true, "hairpinMode": true,
  "ipam": {"type": "host-local", "ranges": [[{"subnet": "$pods.0/24", "gateway": "$pods.1"}]]}
}]}
END
# There is no DNS: names fail at once instead of after a time-out.
echo "options timeout:1 attempts:1" >/var/lib/kubelet/resolv.conf

# --- the programs -------------------------------------------------------------------------------
supervise "containerd.$node" containerd --config "$here/config/containerd.toml"
for _ in $(seq 600); do ctr version >/dev/null 2>&1 && break; sleep 0.05; done
for image in "$run"/images/*.tar; do
  ctr --namespace k8s.io images import "$image" >>"$run/log/images.$node.log" 2>&1
done

install -m 600 -D "$run/pki/$node.key" /var/lib/kubelet/pki/kubelet.key
install -m 644 -D "$run/pki/$node.crt" /var/lib/kubelet/pki/kubelet.crt
install -m 644 -D "$run/pki/ca.crt" /var/lib/kubelet/pki/ca.crt
supervise "kubelet.$node" kubelet --config="$here/config/kubelet.yaml" \
  --kubeconfig="$run/pki/$node.kubeconfig" \
  --hostname-override="$node" --node-ip="$address" --cgroup-root="/$cgroup/$node"
# Connection tracking limits belong to the machine: 0 leaves them alone.
supervise "kube-proxy.$node" kube-proxy --proxy-mode=nftables --cluster-cidr="$pod_network" \
  --kubeconfig="$run/pki/kube-proxy.kubeconfig" --hostname-override="$node" \
  --conntrack-max-per-core=0 --conntrack-tcp-timeout-established=0s \
  --conntrack-tcp-timeout-close-wait=0s
wait
