//! gRPC on the real Envoy, with a real gRPC server behind it: a failure has the HTTP status 200, and
//! what counts stands in `grpc-status`, in the head of the answer or after its body.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures_util::stream::{self, BoxStream, StreamExt as _};
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::client::conn::http2::SendRequest;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serin_tests::configuration::Configuration;
use serin_tests::documents::{Rollout, document, revision_now};
use serin_tests::envoy::Envoy;
use serin_tests::ports;
use serin_tests::scratch::Scratch;
use serin_tests::site::{APPLY_LIMIT, CANARY, SOURCE, STABLE};
use serin_tests::source::{Answer, Source};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic::body::Body;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::{Grpc, ServerStreamingService, UnaryService};
use tonic::{Code, Status};

use super::counted::Sent;
use super::users;

const HOST: &str = "grpc.example.com";
const NAME: &str = "shop/grpc";
/// Here everybody is sent to the canary, and nobody is there.
const DEAD: &str = "dead.example.com";
const DEAD_NAME: &str = "shop/dead";
/// Longer than anything on loopback takes.
const LIMIT: Duration = Duration::from_secs(20);
const USERS: usize = 20;

#[tokio::test]
async fn grpc_is_counted_by_its_own_status() -> Result<()> {
    let scratch = Scratch::new()?;
    let server = Server::start().await?;
    let source = Source::start(Answer::document(&document(1, &[]))).await?;
    let http2 = |cluster: &str, comment: &str| {
        let head = format!("  - name: {cluster}   # CHANGE: {comment}\n");
        let options = "typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {\"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: {http2_protocol_options: {}}}}";
        (head.clone(), format!("{head}    {options}\n"))
    };
    let (stable, canary) = (
        http2("shop-stable", "where the version that users have runs"),
        http2("shop-canary", "where the version on trial runs"),
    );
    let configuration = Configuration::example("envoy.yaml")?
        .replace(&stable.0, &stable.1)?
        .replace(&canary.0, &canary.1)?
        .port(SOURCE, source.port())?
        .port(STABLE, server.port)?
        .port(CANARY, ports::free()?)?;
    let envoy = Envoy::start("envoy", &configuration, &scratch).await?;
    let revision = revision_now();
    source.publish(&document(
        revision,
        &[Rollout::new(NAME, HOST), Rollout::new(DEAD_NAME, DEAD).weight("100%")],
    ));
    envoy.admin().applied(DEAD_NAME, revision, APPLY_LIMIT).await?;

    let mut sent = Sent::new(NAME);
    let mut client = Client::to(envoy.port()).await?;
    // What is asked for, the content type, and what comes back.
    let grpc = "application/grpc";
    let cases = [
        ("Status/0", grpc, Some("0"), "ok"),
        ("Status/0", "application/grpc+proto", Some("0"), "ok"),
        ("Status/5", grpc, Some("5"), "ok"),
        ("Status/2", grpc, Some("2"), "error"),
        ("Status/13", grpc, Some("13"), "error"),
        ("Status/14", grpc, Some("14"), "error"),
        ("Stream/0", grpc, Some("0"), "ok"),
        ("Stream/5", grpc, Some("5"), "ok"),
        ("Stream/13", grpc, Some("13"), "error"),
        ("NoStatus", grpc, None, "error"),
        // Its status stands in the body, where nobody looks: it goes by the status of HTTP.
        ("NoStatus", "application/grpc-web", None, "ok"),
    ];
    for user in users(USERS) {
        for (method, content_type, status, class) in cases {
            let answer = client.call(HOST, method, content_type, &user).await?;
            ensure!(answer.http == 200, "{method}: {answer:?}");
            ensure!(answer.status.as_deref() == status, "{method}: {answer:?}");
            sent.add(&user, "0%", class)?;
        }
        // Where its head was not on its way yet, the proxy answers in its place.
        let broken = client.call(HOST, "Broken", grpc, &user).await;
        let replaced = |answer: &Answered| answer.status.as_deref() == Some("14");
        ensure!(broken.as_ref().map_or(true, replaced), "a broken answer is whole: {broken:?}");
        sent.add(&user, "0%", "error")?;
    }
    sent.is_counted(envoy.admin()).await.context("answered")?;

    // Callers that leave: by a reset of the stream, and by the connection.
    for last in [false, true] {
        let mut leaving = Client::to(envoy.port()).await?;
        for user in users(USERS) {
            let before = *server.hanging.borrow();
            let call = leaving.call(HOST, "Hang", grpc, &user);
            let mut hanging = server.hanging.clone();
            let arrived = async { hanging.wait_for(|hanging| *hanging > before).await.map(drop) };
            tokio::select! {
                answered = call => anyhow::bail!("an answer of one that hangs: {answered:?}"),
                arrived = arrived => arrived?,
            }
            sent.add(&user, "0%", "gone")?;
            if last {
                drop(leaving);
                leaving = Client::to(envoy.port()).await?;
            }
        }
    }
    sent.is_counted(envoy.admin()).await.context("left")?;

    // The proxy itself answers: with HTTP's 200 and gRPC's 14.
    let mut dead = Sent::new(DEAD_NAME);
    for user in users(USERS) {
        let answer = client.call(DEAD, "Status/0", grpc, &user).await?;
        ensure!((answer.http, answer.status.as_deref()) == (200, Some("14")), "{answer:?}");
        dead.add(&user, "100%", "error")?;
    }
    dead.is_counted(envoy.admin()).await.context("nobody there")
}

/// An answer as the caller sees it.
#[derive(Debug)]
struct Answered {
    http: u16,
    /// From the head or from behind the body.
    status: Option<String>,
}

struct Client(SendRequest<Full<Bytes>>);

impl Client {
    async fn to(port: u16) -> Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        let io = TokioIo::new(stream);
        let (sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await?;
        // Ends with the sender.
        tokio::spawn(connection);
        Ok(Self(sender))
    }

    async fn call(
        &mut self,
        host: &str,
        method: &str,
        content_type: &str,
        user: &str,
    ) -> Result<Answered> {
        // A message of no bytes: not compressed, of length 0.
        let message = Full::new(Bytes::from_static(&[0; 5]));
        let request = Request::post(format!("http://{host}/test.Test/{method}"))
            .header("content-type", content_type)
            .header("te", "trailers")
            .header("x-user-id", user)
            .body(message)?;
        let exchange = async {
            let (head, body) = self.0.send_request(request).await?.into_parts();
            let collected = body.collect().await?;
            let trailers = collected.trailers().cloned().unwrap_or_default();
            let status = head.headers.get("grpc-status").or(trailers.get("grpc-status"));
            let status = status.map(|value| value.to_str().map(str::to_owned)).transpose()?;
            Ok(Answered { http: head.status.as_u16(), status })
        };
        tokio::time::timeout(LIMIT, exchange).await.context("no answer")?
    }
}

/// A gRPC server that does as the method's name says.
struct Server {
    port: u16,
    /// How many calls hang, or have hung.
    hanging: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

impl Server {
    async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let (sender, hanging) = watch::channel(0);
        let task = tokio::spawn(async move {
            // Ends the connections with the server.
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let hangs = sender.clone();
                connections.spawn(async move {
                    let service = service_fn(move |request| {
                        let hangs = hangs.clone();
                        async move { Ok::<_, Infallible>(serve(request, &hangs).await) }
                    });
                    // A proxy that goes away is none of the server's business.
                    let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Ok(Self { port, hanging, task })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(request: Request<Incoming>, hangs: &watch::Sender<usize>) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let method = path.trim_start_matches("/test.Test/");
    match method.split_once('/') {
        Some(("Status", code)) => Grpc::new(Empty).unary(Ends::new(code), request).await,
        Some(("Stream", code)) => Grpc::new(Empty).server_streaming(Ends::new(code), request).await,
        _ if method == "Hang" => {
            hangs.send_modify(|hanging| *hanging += 1);
            std::future::pending().await
        }
        _ => {
            // No gRPC library sends these: an end without a status, and none at all.
            let part = Ok(Frame::data(Bytes::from_static(&[0; 5])));
            let breaks = method == "Broken";
            let end = stream::once(async move {
                // So the head and the part are on their way.
                tokio::time::sleep(Duration::from_millis(50)).await;
                Err(Status::internal("broken"))
            });
            let body = stream::iter([part]).chain(end.take(usize::from(breaks)));
            let mut response = Response::new(Body::new(StreamBody::new(body)));
            let content_type = hyper::header::HeaderValue::from_static("application/grpc");
            response.headers_mut().insert("content-type", content_type);
            response
        }
    }
}

/// A method that ends with a status.
#[derive(Clone, Copy)]
struct Ends(Code);

impl Ends {
    fn new(code: &str) -> Self {
        Self(Code::from_bytes(code.as_bytes()))
    }

    fn result(self) -> Result<(), Status> {
        if self.0 == Code::Ok { Ok(()) } else { Err(Status::new(self.0, "as asked")) }
    }
}

impl UnaryService<()> for Ends {
    type Response = ();
    type Future = std::future::Ready<Result<tonic::Response<()>, Status>>;

    fn call(&mut self, _: tonic::Request<()>) -> Self::Future {
        std::future::ready(self.result().map(tonic::Response::new))
    }
}

impl ServerStreamingService<()> for Ends {
    type Response = ();
    type ResponseStream = BoxStream<'static, Result<(), Status>>;
    type Future = std::future::Ready<Result<tonic::Response<Self::ResponseStream>, Status>>;

    /// A message first: the status comes behind it.
    fn call(&mut self, _: tonic::Request<()>) -> Self::Future {
        let end = self.result().err().map(Err);
        let messages = stream::iter([Some(Ok(())), end].into_iter().flatten());
        std::future::ready(Ok(tonic::Response::new(messages.boxed())))
    }
}

/// Messages of no bytes.
#[derive(Clone, Copy)]
struct Empty;

impl Codec for Empty {
    type Encode = ();
    type Decode = ();
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Empty {
    type Item = ();
    type Error = Status;

    fn encode(&mut self, (): (), _: &mut EncodeBuf<'_>) -> Result<(), Status> {
        Ok(())
    }
}

impl Decoder for Empty {
    type Item = ();
    type Error = Status;

    fn decode(&mut self, _: &mut DecodeBuf<'_>) -> Result<Option<()>, Status> {
        Ok(Some(()))
    }
}
