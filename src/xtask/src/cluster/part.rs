//! What the cluster is made of.

/// Programs that come from one module, so that one set of pins holds for all of them.
pub(super) struct Part {
    /// Below `tests/cluster/go`.
    pub(super) folder: &'static str,
    /// The packages that are built; each leaves a program of its last name.
    pub(super) packages: &'static [&'static str],
    /// The programs that this leaves.
    pub(super) programs: &'static [&'static str],
    /// What is taken from the modules besides.
    pub(super) files: &'static [File],
    /// Minutes for all of it on two cores, modules included.
    pub(super) minutes: u32,
    /// A module whose version the programs are told as theirs: without one, clients that parse the
    /// server's version fail.
    pub(super) version_of: Option<&'static str>,
}

/// A file that comes in a module.
pub(super) struct File {
    pub(super) module: &'static str,
    /// Of a folder: all of its YAML files, one after the other.
    pub(super) path: &'static str,
    /// What it is called in the cache.
    pub(super) name: &'static str,
}

impl Part {
    /// The names of all that it leaves in its folder.
    pub(super) fn leaves(&self) -> impl Iterator<Item = &'static str> {
        self.programs.iter().copied().chain(self.files.iter().map(|file| file.name))
    }
}

/// The quick ones first: what is wrong shows soon.
pub(super) const PARTS: [Part; 6] = [
    Part {
        folder: "etcd",
        packages: &["."],
        programs: &["etcd"],
        files: &[],
        minutes: 1,
        version_of: None,
    },
    Part {
        folder: "kwok",
        packages: &["sigs.k8s.io/kwok/cmd/kwok"],
        programs: &["kwok"],
        files: &[
            stage("kustomize/stage/node/fast/node-initialize.yaml", "node-initialize.yaml"),
            stage("kustomize/stage/pod/fast/pod-ready.yaml", "pod-ready.yaml"),
            stage("kustomize/stage/pod/fast/pod-complete.yaml", "pod-complete.yaml"),
            stage("kustomize/stage/pod/fast/pod-delete.yaml", "pod-delete.yaml"),
        ],
        minutes: 2,
        version_of: None,
    },
    Part {
        folder: "ingress",
        packages: &["."],
        programs: &["ingress-nginx-admission"],
        files: &[File {
            module: "k8s.io/ingress-nginx",
            path: "rootfs/etc/nginx/template/nginx.tmpl",
            name: "nginx.tmpl",
        }],
        minutes: 2,
        version_of: None,
    },
    Part {
        folder: "istio",
        packages: &[
            "istio.io/istio/pilot/cmd/pilot-discovery",
            "istio.io/istio/pilot/cmd/pilot-agent",
        ],
        programs: &["pilot-discovery", "pilot-agent"],
        files: &[
            istio("manifests/charts/base/files/crd-all.gen.yaml", "istio-crds.yaml"),
            istio("tools/packaging/common/envoy_bootstrap.json", "envoy-bootstrap.json"),
        ],
        minutes: 4,
        version_of: None,
    },
    Part {
        folder: "kubernetes",
        packages: &[
            "k8s.io/kubernetes/cmd/kube-apiserver",
            "k8s.io/kubernetes/cmd/kube-controller-manager",
            "k8s.io/kubernetes/cmd/kube-scheduler",
            "k8s.io/kubernetes/cmd/kubectl",
        ],
        programs: &["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"],
        files: &[],
        minutes: 6,
        version_of: Some("k8s.io/kubernetes"),
    },
    Part {
        folder: "traefik",
        packages: &["github.com/traefik/traefik/v3/cmd/traefik"],
        programs: &["traefik"],
        files: &[
            File {
                module: "github.com/traefik/traefik/v3",
                path: "docs/content/reference/dynamic-configuration/kubernetes-crd-definition-v1.yml",
                name: "traefik-crds.yaml",
            },
            // In the version that this Traefik is made for.
            File {
                module: "sigs.k8s.io/gateway-api",
                path: "config/crd/standard",
                name: "gateway-api-crds.yaml",
            },
        ],
        minutes: 9,
        version_of: None,
    },
];

/// What the controller is compared with by `make bench-controller`; nothing else needs it.
pub(super) const FLAGGER: Part = Part {
    folder: "flagger",
    packages: &["github.com/fluxcd/flagger/cmd/flagger"],
    programs: &["flagger"],
    files: &[
        File {
            module: "github.com/fluxcd/flagger",
            path: "artifacts/flagger/crd.yaml",
            name: "flagger-crd.yaml",
        },
        File {
            module: "github.com/fluxcd/flagger",
            path: "artifacts/flagger/account.yaml",
            name: "flagger-account.yaml",
        },
    ],
    minutes: 2,
    version_of: None,
};

/// What keeps a cluster as Git has it, for `make test-gitops`; nothing else needs it.
pub(super) const GITOPS: [Part; 2] = [
    Part {
        folder: "flux",
        packages: &["github.com/fluxcd/kustomize-controller"],
        programs: &["kustomize-controller"],
        files: &[File {
            module: "github.com/fluxcd/kustomize-controller",
            path: "config/crd/bases",
            name: "flux-crds.yaml",
        }],
        minutes: 3,
        version_of: None,
    },
    Part {
        folder: "argo",
        packages: &["."],
        programs: &["argo"],
        files: &[
            argo("manifests/crds/application-crd.yaml", "argo-application-crd.yaml"),
            argo("manifests/crds/appproject-crd.yaml", "argo-project-crd.yaml"),
        ],
        minutes: 3,
        version_of: None,
    },
];

/// What Istio's own build puts into its images.
const fn istio(path: &'static str, name: &'static str) -> File {
    File { module: "istio.io/istio", path, name }
}

/// The kinds of Argo CD.
const fn argo(path: &'static str, name: &'static str) -> File {
    File { module: "github.com/argoproj/argo-cd/v3", path, name }
}

/// How a played node or pod goes from one state to the next.
const fn stage(path: &'static str, name: &'static str) -> File {
    File { module: "sigs.k8s.io/kwok", path, name }
}
