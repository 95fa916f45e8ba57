// An application server that gives each document a process of its own.
//
// GET /documents/NAME asks for the user's name and password and sends the browser on to the session
// of that document: the same one for everybody who opens it, started if it does not run.
package main

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log"
	"math"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"

	pb "example.com/documents/spawnerv1"
)

const connectWithin = 10 * time.Second

// Yours come from where your users are.
var users = map[string]string{"ada": "lovelace", "grace": "hopper"}

func env(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

// What runs for a document. COMMAND is for `./quickstart`, which has programs and no images.
func spec() *pb.SessionSpec {
	return &pb.SessionSpec{
		Template: os.Getenv("TEMPLATE"),
		Image:    os.Getenv("IMAGE"),
		Command:  strings.Fields(os.Getenv("COMMAND")),
		// How long it outlives its last connection.
		Idle: &pb.IdlePolicy{Grace: durationpb.New(time.Minute)},
	}
}

// errorDetails returns ErrorInfo's reason, and how long to wait if another try makes sense.
func errorDetails(err error) (reason string, retry *time.Duration) {
	for _, detail := range status.Convert(err).Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			reason = detail.Reason
		case *errdetails.RetryInfo:
			delay := detail.RetryDelay.AsDuration()
			retry = &delay
		}
	}
	return reason, retry
}

// sleep returns false if ctx ended first.
func sleep(ctx context.Context, duration time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(duration):
		return true
	}
}

func newID() string {
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		panic(err)
	}
	return hex.EncodeToString(id)
}

// documents are the documents' sessions.
type documents struct {
	client pb.SessionsClient
	parent string
}

// open returns the URL at which this user, and nobody else, gets into the document's session.
func (d *documents) open(ctx context.Context, name, user string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	claims, err := structpb.NewStruct(map[string]any{"document": name, "role": "editor"})
	if err != nil {
		return "", err
	}
	request := &pb.ConnectRequest{
		Parent:    d.parent,
		Key:       &pb.SessionKey{Name: "documents/" + name},
		Spec:      spec(),
		Grant:     &pb.GrantSpec{User: user, Claims: claims},
		RequestId: newID(), // the same each time: a retry never starts a second session
	}
	for {
		response, err := d.client.Connect(ctx, request)
		if err == nil {
			return response.Url, nil
		}
		if _, retry := errorDetails(err); retry == nil || !sleep(ctx, *retry) {
			return "", err
		}
	}
}

// watch logs each session's end, until ctx ends.
func (d *documents) watch(ctx context.Context) {
	version := ""
	for ctx.Err() == nil {
		err := d.follow(ctx, &version)
		if ctx.Err() != nil {
			return
		}
		reason, retry := errorDetails(err)
		if reason == "VERSION_EXPIRED" { // away for too long: from the start
			version = ""
		}
		log.Printf("watch again: %s %v", reason, err)
		if retry == nil {
			second := time.Second
			retry = &second
		}
		sleep(ctx, *retry)
	}
}

func (d *documents) follow(ctx context.Context, version *string) error {
	stream, err := d.client.WatchSessions(ctx, &pb.WatchSessionsRequest{
		Parent: d.parent, ResumeVersion: *version})
	if err != nil {
		return err
	}
	for {
		event, err := stream.Recv()
		if err != nil {
			return err
		}
		isNew := *version != "" // what there was before we came is no news
		if isNew || event.Type == pb.WatchSessionsResponse_BOOKMARK {
			*version = event.Version
		}
		session := event.Session
		if isNew && event.Type == pb.WatchSessionsResponse_MODIFIED &&
			session.State == pb.SessionState_TERMINATED {
			log.Printf("ended: %s %s %s", session.Key.GetName(), session.Reason, session.Message)
		}
	}
}

func authenticated(r *http.Request) (string, bool) {
	user, password, _ := r.BasicAuth()
	want, known := users[user]
	return user, known && subtle.ConstantTimeCompare([]byte(password), []byte(want)) == 1
}

func answer(w http.ResponseWriter, code int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": message})
}

func (d *documents) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/documents/")
	if name == r.URL.Path || name == "" || r.Method != http.MethodGet {
		answer(w, http.StatusNotFound, "no such page; documents are at /documents/NAME")
		return
	}
	user, ok := authenticated(r)
	if !ok {
		w.Header().Set("WWW-Authenticate", `Basic realm="documents"`)
		answer(w, http.StatusUnauthorized, "who are you?")
		return
	}
	url, err := d.open(r.Context(), name, user)
	if err != nil {
		failed(w, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store") // the URL is a secret
	w.Header().Set("Location", url)
	w.WriteHeader(http.StatusSeeOther)
}

func failed(w http.ResponseWriter, err error) {
	reason, retry := errorDetails(err)
	log.Printf("connect: %s %v", reason, err)
	code := status.Code(err)
	switch {
	case reason == "KEY_TAG_MISMATCH":
		answer(w, http.StatusConflict, "the document is open in another version of the editor")
	case retry != nil || code == codes.Unavailable || code == codes.DeadlineExceeded:
		after := time.Second
		if retry != nil {
			after = *retry
		}
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(after.Seconds()))))
		answer(w, http.StatusServiceUnavailable, "busy; try again")
	default:
		answer(w, http.StatusInternalServerError, "the document can't be opened")
	}
}

// withToken says who calls, if the controller wants to know. Asked for each call: Kubernetes replaces
// a ServiceAccount's token in its file long before the former one expires.
func withToken(ctx context.Context) context.Context {
	token := os.Getenv("SPAWNER_TOKEN")
	if path := os.Getenv("SPAWNER_TOKEN_FILE"); path != "" {
		text, err := os.ReadFile(path)
		if err != nil {
			log.Printf("token file: %v", err) // the controller says UNAUTHENTICATED then
		}
		token = strings.TrimSpace(string(text))
	}
	if token == "" {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
}

func dial(address string) (*grpc.ClientConn, error) {
	return grpc.NewClient(address,
		grpc.WithTransportCredentials(insecure.NewCredentials()), // TLS: credentials.NewTLS(nil)
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second}),
		grpc.WithUnaryInterceptor(func(ctx context.Context, method string, request, reply any,
			cc *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
			return invoke(withToken(ctx), method, request, reply, cc, options...)
		}),
		grpc.WithStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn,
			method string, open grpc.Streamer, options ...grpc.CallOption) (grpc.ClientStream, error) {
			return open(withToken(ctx), desc, cc, method, options...)
		}))
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	connection, err := dial(env("SPAWNER_ADDRESS", "127.0.0.1:9090"))
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	listener, err := net.Listen("tcp", env("LISTEN", "127.0.0.1:8000"))
	if err != nil {
		log.Fatal(err)
	}

	d := &documents{pb.NewSessionsClient(connection), "namespaces/" + env("SPAWNER_NAMESPACE", "default")}
	server := &http.Server{Handler: d, ReadHeaderTimeout: 30 * time.Second}
	watching := make(chan struct{})
	go func() {
		d.watch(ctx)
		close(watching)
	}()
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Fatal(err)
		}
	}()
	log.Printf("listening on %s", listener.Addr())

	<-ctx.Done()
	within, cancel := context.WithTimeout(context.Background(), connectWithin)
	defer cancel()
	if err := server.Shutdown(within); err != nil { // waits for answers under way
		log.Print(err)
	}
	<-watching
	log.Print("stopped")
}
