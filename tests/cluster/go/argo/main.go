// Argo CD's application controller, put together as its own command does it but for what stands beside
// it there: manifests come from a folder in the place of the repository server, its cache is in memory
// in the place of Redis, and all that it listens at is on loopback.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/argoproj/argo-cd/v3/common"
	"github.com/argoproj/argo-cd/v3/controller"
	"github.com/argoproj/argo-cd/v3/controller/sharding"
	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/pkg/client/clientset/versioned"
	"github.com/argoproj/argo-cd/v3/pkg/ratelimiter"
	"github.com/argoproj/argo-cd/v3/reposerver/apiclient"
	"github.com/argoproj/argo-cd/v3/util/argo"
	"github.com/argoproj/argo-cd/v3/util/argo/normalizers"
	"github.com/argoproj/argo-cd/v3/util/cache"
	"github.com/argoproj/argo-cd/v3/util/cache/appstate"
	"github.com/argoproj/argo-cd/v3/util/io"
	kubeutil "github.com/argoproj/argo-cd/v3/util/kube"
	"github.com/argoproj/argo-cd/v3/util/settings"
	"github.com/argoproj/gitops-engine/pkg/utils/kube"
	"google.golang.org/grpc"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// What Argo CD's command takes where nobody says otherwise.
const (
	cacheExpiration         = time.Hour
	selfHealTimeout         = 0
	selfHealBackoffCooldown = 330 * time.Second
	repoErrorGracePeriod    = 180 * time.Second
	kubectlParallelism      = 20
	statusProcessors        = 20
	operationProcessors     = 10
)

type options struct {
	manifests string
	namespace string
	listen    string
	resync    time.Duration
}

func main() {
	var given options
	flag.StringVar(&given.manifests, "manifests", "", "the folder that stands for Git")
	flag.StringVar(&given.namespace, "namespace", "argocd", "where the Application is")
	flag.StringVar(&given.listen, "listen", "127.0.0.1:8082", "where /metrics and /healthz are")
	flag.DurationVar(&given.resync, "resync", 2*time.Minute, "how often the folder is read anew")
	flag.Parse()
	if err := run(given); err != nil {
		log.Fatal(err)
	}
}

func run(given options) error {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return err
	}
	if err := v1alpha1.SetK8SConfigDefaults(config); err != nil {
		return err
	}
	cluster, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	applications, err := versioned.NewForConfig(config)
	if err != nil {
		return err
	}
	settingsManager := settings.NewSettingsManager(ctx, cluster, given.namespace)
	shards, err := sharding.GetClusterSharding(cluster, settingsManager, common.DefaultShardingAlgorithm, false)
	if err != nil {
		return err
	}
	argoCD, err := controller.NewApplicationController(
		given.namespace,
		settingsManager,
		cluster,
		applications,
		&repository{folder: given.manifests},
		nil, // No commit server: nothing is hydrated.
		appstate.NewCache(cache.NewCache(cache.NewInMemoryCache(cacheExpiration)), cacheExpiration),
		kubeutil.NewKubectl(),
		given.resync,
		0, // No hard resync.
		0, // No jitter: a test waits for each.
		selfHealTimeout,
		&wait.Backoff{Duration: 2 * time.Second, Factor: 3, Cap: 300 * time.Second},
		selfHealBackoffCooldown,
		0, // No limit to a sync.
		repoErrorGracePeriod,
		0, // The port of metrics: the whole address is given below.
		0, // Metrics do not expire.
		nil,
		nil,
		nil,
		kubectlParallelism,
		false,
		shards,
		nil, // No other namespaces with Applications.
		ratelimiter.GetDefaultAppRateLimiterConfig(),
		false, // The diff is not the API server's.
		false,
		normalizers.IgnoreNormalizerOpts{},
		argo.DefaultEnableEventList(),
		false,
	)
	if err != nil {
		return err
	}
	argoCD.GetMetricsServer().Addr = given.listen
	argoCD.Run(ctx, statusProcessors, operationProcessors)
	return nil
}

// repository answers with the YAML files of a folder for each revision, as the repository server does
// with those of a folder in Git; the file HEAD names the newest one. The controller asks for nothing
// else where an Application has one source of that kind.
type repository struct {
	apiclient.RepoServerServiceClient
	folder string
}

func (r *repository) NewRepoServerClient() (io.Closer, apiclient.RepoServerServiceClient, error) {
	return io.NopCloser, r, nil
}

func (r *repository) GenerateManifest(
	_ context.Context, request *apiclient.ManifestRequest, _ ...grpc.CallOption,
) (*apiclient.ManifestResponse, error) {
	revision := request.Revision
	if revision == "HEAD" {
		text, err := os.ReadFile(filepath.Join(r.folder, revision))
		if err != nil {
			return nil, err
		}
		revision = string(text)
	}
	files, err := filepath.Glob(filepath.Join(r.folder, revision, "*.yaml"))
	if err != nil {
		return nil, err
	}
	var manifests []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		objects, err := kube.SplitYAML(text)
		if err != nil {
			return nil, err
		}
		for _, object := range objects {
			// By which the controller knows the objects of an Application again.
			err := argo.NewResourceTracking().SetAppInstance(
				object, request.AppLabelKey, request.AppName, request.Namespace,
				v1alpha1.TrackingMethod(request.TrackingMethod), request.InstallationID)
			if err != nil {
				return nil, err
			}
			manifest, err := json.Marshal(object)
			if err != nil {
				return nil, err
			}
			manifests = append(manifests, string(manifest))
		}
	}
	return &apiclient.ManifestResponse{
		Manifests:  manifests,
		Revision:   revision,
		SourceType: string(v1alpha1.ApplicationSourceTypeDirectory),
	}, nil
}
