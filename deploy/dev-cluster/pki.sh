# Keys, certificates and kubeconfigs of a cluster, in $run/pki. Sourced by `up`, in a subshell.

elliptic_key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1"; }

# certificate NAME SUBJECT EXTENDED-USAGE [ALTERNATIVE-NAMES]
certificate() {
  elliptic_key "$1.key"
  openssl req -x509 -new -key "$1.key" -CA ca.crt -CAkey ca.key -sha256 -days 3650 -subj "$2" \
    -addext basicConstraints=critical,CA:FALSE -addext "extendedKeyUsage=$3" \
    ${4:+-addext "subjectAltName=$4"} -out "$1.crt"
}

# kubeconfig NAME: the file for the client certificate NAME, complete in itself.
kubeconfig() {
  cat >"$1.kubeconfig" <<END
apiVersion: v1
kind: Config
current-context: dev-cluster
contexts:
- name: dev-cluster
  context: {cluster: dev-cluster, user: $1}
clusters:
- name: dev-cluster
  cluster:
    server: $api_server
    certificate-authority-data: $(base64 -w0 ca.crt)
users:
- name: $1
  user:
    client-certificate-data: $(base64 -w0 "$1.crt")
    client-key-data: $(base64 -w0 "$1.key")
END
}

umask 077
mkdir -p "$run/pki"
cd "$run/pki"

elliptic_key ca.key
openssl req -x509 -new -key ca.key -sha256 -days 3650 -subj /CN=dev-cluster-ca -out ca.crt
elliptic_key service-account.key
openssl ec -in service-account.key -pubout -out service-account.pub 2>/dev/null
certificate apiserver /CN=kube-apiserver serverAuth "DNS:kubernetes,DNS:kubernetes.default,\
DNS:kubernetes.default.svc,IP:127.0.0.1,IP:$node_network.2,IP:$service_network.1"
certificate apiserver-kubelet /O=system:masters/CN=kube-apiserver-kubelet-client clientAuth
certificate admin /O=system:masters/CN=admin clientAuth
certificate controller-manager /CN=system:kube-controller-manager clientAuth
certificate scheduler /CN=system:kube-scheduler clientAuth
certificate kube-proxy /CN=system:kube-proxy clientAuth
for number in $(seq "$nodes"); do
  certificate "node$number" "/O=system:nodes/CN=system:node:node$number" serverAuth,clientAuth \
    "DNS:node$number,IP:$(node_address "$number")"
  kubeconfig "node$number"
done
for client in admin controller-manager scheduler kube-proxy; do kubeconfig "$client"; done
cp admin.kubeconfig "$run/kubeconfig"
