#!/bin/bash
# control-plane.sh RUN NODES: the first process of the cluster's own pid, mount, network and host
# name namespaces. It runs the control plane beside a switch (a bridge) that joins the host and the
# nodes, and starts each node in namespaces nested in these. When it is killed, the kernel ends
# every process, mount, interface, address and packet filter rule of the cluster.
set -u
export SPAWNER_DEV_CLUSTER_RUN=$1
. "$(dirname "$0")/common.sh"
PATH=$run/bin:/usr/sbin:/usr/bin:/sbin:/bin

hostname control-plane
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/lib
mkdir -p /run/netns

# --- the network --------------------------------------------------------------------------------
for _ in $(seq 200); do [ -e /proc/sys/net/ipv4/conf/uplink ] && break; sleep 0.05; done
# Frames between the nodes pass this bridge; only the nodes' own rules are to see them.
[ -e /proc/sys/net/bridge ] && echo 0 >/proc/sys/net/bridge/bridge-nf-call-iptables
ip link set lo up
ip link add switch type bridge
ip address add "$node_network.2/24" dev switch
ip link set uplink master switch up
ip link set switch up
for number in $(seq "$nodes"); do
  ip netns add "node$number"
  ip link add "node$number" type veth peer name eth0 netns "node$number"
  ip link set "node$number" master switch up
  ip route add "$(node_pods "$number").0/24" via "$(node_address "$number")"
done

# --- the programs -------------------------------------------------------------------------------
pki=$run/pki
supervise etcd etcd --name=control-plane --data-dir=/var/lib/etcd --unsafe-no-fsync \
  --initial-cluster=control-plane=http://localhost:2380 --log-level=warn \
  --heartbeat-interval=50 --election-timeout=500
# A program that finds its server missing tries again a second or more later: start them in order.
for _ in $(seq 1200); do
  curl -s http://127.0.0.1:2379/health >/dev/null && break
  sleep 0.02
done

supervise kube-apiserver kube-apiserver \
  --etcd-servers=http://127.0.0.1:2379 \
  --bind-address=0.0.0.0 --advertise-address="$node_network.2" \
  --service-cluster-ip-range="$service_network.0/24" \
  --tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" \
  --client-ca-file="$pki/ca.crt" \
  --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction \
  --allow-privileged=true \
  --service-account-issuer=https://kubernetes.default.svc \
  --service-account-key-file="$pki/service-account.pub" \
  --service-account-signing-key-file="$pki/service-account.key" \
  --kubelet-client-certificate="$pki/apiserver-kubelet.crt" \
  --kubelet-client-key="$pki/apiserver-kubelet.key" \
  --kubelet-certificate-authority="$pki/ca.crt" \
  --kubelet-preferred-address-types=InternalIP \
  --audit-policy-file="$here/config/audit-policy.yaml" --audit-log-path="$run/audit.log"

for _ in $(seq 1200); do
  [ "$(curl -s --cacert "$pki/ca.crt" "$api_server/readyz")" = ok ] && break
  sleep 0.05
done
for number in $(seq "$nodes"); do
  supervise "node$number" nsenter --net="/run/netns/node$number" \
    unshare --mount --pid --uts --fork --kill-child --mount-proc "$here/node.sh" "$run" "$number"
done
supervise kube-controller-manager kube-controller-manager \
  --kubeconfig="$pki/controller-manager.kubeconfig" --leader-elect=false \
  --kube-api-qps=500 --kube-api-burst=1000 --use-service-account-credentials=true --root-ca-file="$pki/ca.crt" \
  --service-account-private-key-file="$pki/service-account.key"
supervise kube-scheduler kube-scheduler \
  --kubeconfig="$pki/scheduler.kubeconfig" --leader-elect=false \
  --kube-api-qps=500 --kube-api-burst=1000
wait
