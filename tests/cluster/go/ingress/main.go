// The admission of ingress-nginx: its own server, checks and reading of annotations, over its own store of
// what the API server has. Its command would start nginx and write below /etc; so the controller is put
// together here, with all that its admission asks for. Only what nginx itself would say of the file that is
// made of the Ingresses is missing: nobody asks it.
package main

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"time"
	"unsafe"

	"github.com/eapache/channels"
	networking "k8s.io/api/networking/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	admission "k8s.io/ingress-nginx/internal/admission/controller"
	"k8s.io/ingress-nginx/internal/ingress/annotations"
	"k8s.io/ingress-nginx/internal/ingress/annotations/parser"
	"k8s.io/ingress-nginx/internal/ingress/controller"
	"k8s.io/ingress-nginx/internal/ingress/controller/config"
	"k8s.io/ingress-nginx/internal/ingress/controller/ingressclass"
	"k8s.io/ingress-nginx/internal/ingress/controller/store"
	"k8s.io/ingress-nginx/internal/ingress/controller/template"
	"k8s.io/ingress-nginx/internal/ingress/metric"
	"k8s.io/ingress-nginx/internal/net/ssl"
	"k8s.io/ingress-nginx/pkg/apis/ingress"
)

type options struct {
	namespace   string
	listen      string
	reviews     string
	certificate string
	key         string
	template    string
	scratch     string
}

func main() {
	var given options
	flag.StringVar(&given.namespace, "namespace", "", "whose Ingresses it knows")
	flag.StringVar(&given.listen, "listen", "127.0.0.1:8443", "where the API server asks it, by TLS")
	flag.StringVar(&given.reviews, "reviews", "127.0.0.1:8080", "where /reviews says what it made of them")
	flag.StringVar(&given.certificate, "certificate", "", "what it shows the API server")
	flag.StringVar(&given.key, "key", "", "the key of that")
	flag.StringVar(&given.template, "template", "", "ingress-nginx's template of nginx's configuration")
	flag.StringVar(&given.scratch, "scratch", "", "a folder for the files that are made of it")
	flag.Parse()
	log.Fatal(run(given))
}

func run(given options) error {
	// Off where ingress-nginx 1.11's command is told nothing; with it, more is refused.
	parser.EnableAnnotationValidation = true
	// Where its admission keeps what nginx is to test.
	if err := os.Setenv("TMPDIR", given.scratch); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(given.scratch, "nginx"), 0o755); err != nil {
		return err
	}
	check, err := newCheck(given)
	if err != nil {
		return err
	}
	told := http.NewServeMux()
	told.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	told.HandleFunc("/reviews", check.tell)
	ended := make(chan error, 2)
	go func() { ended <- http.ListenAndServe(given.reviews, told) }()
	go func() {
		server := admission.NewAdmissionControllerServer(&admission.IngressAdmission{Checker: check})
		ended <- http.ListenAndServeTLS(given.listen, given.certificate, given.key, server)
	}()
	return <-ended
}

// check answers as ingress-nginx does, and keeps what it made of each Ingress.
type check struct {
	controller *controller.NGINXController
	extractor  annotations.Extractor
	rendering  *rendering

	// One review at a time: what was rendered last is then this one's.
	lock    sync.Mutex
	reviews []review
}

// review says what ingress-nginx made of an Ingress that was to be written.
type review struct {
	Name    string `json:"name"`
	Refused string `json:"refused,omitempty"`
	// How it reads the annotations, where it reads them at all.
	Canary *reading `json:"canary,omitempty"`
	// What its balancer would be given, of all Ingresses together.
	Backends []backend `json:"backends"`
}

type reading struct {
	Enabled     bool `json:"enabled"`
	Weight      int  `json:"weight"`
	WeightTotal int  `json:"weightTotal"`
}

type backend struct {
	Name         string   `json:"name"`
	Alternatives []string `json:"alternatives"`
	Weight       int      `json:"weight"`
	WeightTotal  int      `json:"weightTotal"`
}

func newCheck(given options) (*check, error) {
	client, err := newClient()
	if err != nil {
		return nil, err
	}
	// As its command's flags are by themselves, but for the namespace and that it writes no events.
	settings := &controller.Configuration{
		Client:        client,
		Namespace:     given.namespace,
		DeepInspector: true,
		ListenPorts:   &config.ListenPorts{HTTP: 80, HTTPS: 443, Health: 10254, Default: 8181, SSLProxy: 442},
		IngressClassConfiguration: &ingressclass.Configuration{
			Controller:      ingressclass.DefaultControllerName,
			AnnotationValue: ingressclass.DefaultAnnotationValue,
		},
		EnableMetrics:       true,
		MonitorMaxBatchSize: 10000,
		DisableSyncEvents:   true,
	}
	settings.FakeCertificate, err = newCertificate(given)
	if err != nil {
		return nil, err
	}
	objects := store.New(
		settings.Namespace, nil, "", "", "", "", time.Duration(0), client,
		channels.NewRingChannel(1024), settings.DisableCatchAll, settings.DeepInspector,
		settings.IngressClassConfiguration, settings.DisableSyncEvents)
	objects.Run(make(chan struct{}))
	original, err := template.NewTemplate(given.template)
	if err != nil {
		return nil, err
	}
	rendered := &rendering{template: original}
	nginx := &controller.NGINXController{}
	set(nginx, "cfg", settings)
	set[store.Storer](nginx, "store", objects)
	set[metric.Collector](nginx, "metricCollector", metric.NewDummyCollector())
	set[template.Writer](nginx, "t", rendered)
	set[controller.NginxExecTester](nginx, "command", noNginx{})
	return &check{
		controller: nginx,
		extractor:  annotations.NewAnnotationExtractor(objects),
		rendering:  rendered,
		reviews:    []review{},
	}, nil
}

func newClient() (*kubernetes.Clientset, error) {
	settings, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return nil, err
	}
	return kubernetes.NewForConfig(settings)
}

// newCertificate gives hosts without one of their own the one that the API server is shown.
func newCertificate(given options) (*ingress.SSLCert, error) {
	certificate, err := os.ReadFile(given.certificate)
	if err != nil {
		return nil, err
	}
	key, err := os.ReadFile(given.key)
	if err != nil {
		return nil, err
	}
	made, err := ssl.CreateSSLCert(certificate, key, "")
	if err != nil {
		return nil, err
	}
	made.PemFileName = given.certificate
	return made, nil
}

// set gives a field of the controller that only its own constructor can reach; a field that is not there, or
// is of another type, ends the program.
func set[T any](nginx *controller.NGINXController, name string, value T) {
	field := reflect.ValueOf(nginx).Elem().FieldByName(name)
	if !field.IsValid() || field.Type() != reflect.TypeFor[T]() {
		log.Fatalf("no field %s of the type %s", name, reflect.TypeFor[T]())
	}
	*(*T)(unsafe.Pointer(field.UnsafeAddr())) = value
}

func (c *check) CheckWarning(object *networking.Ingress) ([]string, error) {
	return c.controller.CheckWarning(object)
}

func (c *check) CheckIngress(object *networking.Ingress) error {
	c.lock.Lock()
	defer c.lock.Unlock()
	made := review{Name: object.Name, Backends: []backend{}}
	c.rendering.backends = nil
	refused := c.controller.CheckIngress(object)
	if refused != nil {
		made.Refused = refused.Error()
	}
	if read, err := c.extractor.Extract(object); err == nil {
		made.Canary = &reading{
			Enabled:     read.Canary.Enabled,
			Weight:      read.Canary.Weight,
			WeightTotal: read.Canary.WeightTotal,
		}
	}
	made.Backends = append(made.Backends, c.rendering.backends...)
	c.reviews = append(c.reviews, made)
	if text, err := json.Marshal(made); err == nil {
		fmt.Println(string(text))
	}
	return refused
}

// tell gives all reviews, the oldest first.
func (c *check) tell(answer http.ResponseWriter, _ *http.Request) {
	c.lock.Lock()
	defer c.lock.Unlock()
	if err := json.NewEncoder(answer).Encode(c.reviews); err != nil {
		log.Print(err)
	}
}

// rendering is ingress-nginx's template, which keeps what it is given for the balancer.
type rendering struct {
	template template.Writer
	backends []backend
}

func (r *rendering) Write(given *config.TemplateConfig) ([]byte, error) {
	r.backends = nil
	for _, one := range given.Backends {
		r.backends = append(r.backends, backend{
			Name:         one.Name,
			Alternatives: append([]string{}, one.AlternativeBackends...),
			Weight:       one.TrafficShapingPolicy.Weight,
			WeightTotal:  one.TrafficShapingPolicy.WeightTotal,
		})
	}
	slices.SortFunc(r.backends, func(a, b backend) int { return cmp.Compare(a.Name, b.Name) })
	return r.template.Write(given)
}

// noNginx stands where nginx would test the file that is made of the Ingresses.
type noNginx struct{}

func (noNginx) ExecCommand(...string) *exec.Cmd { return exec.Command("false") }

func (noNginx) Test(string) ([]byte, error) { return nil, nil }
