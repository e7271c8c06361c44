//! Over TCP: names, TLS, a proxy, redirects, and connecting again.

use std::time::Duration;

use barews_tokio::{Acceptor, Backoff, Client, Error, Fault, Refusal, Request, accept, connect};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Serves connections one after the other with this function. Returns the address, as `host:port`.
async fn serve<F: Future<Output = ()> + Send + 'static>(
    host: &str,
    mut connection: impl FnMut(TcpStream) -> F + Send + 'static,
) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind((host, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(connection(stream));
        }
    });
    (format!("{host}:{port}"), task)
}

async fn echo(stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin) {
    let mut socket = accept(stream).await.unwrap();
    while let Some(Ok(message)) = socket.next().await {
        if message.is_data() {
            socket.feed(message).await.unwrap();
        }
    }
}

/// Answers with this head, and reads to the end.
async fn answer(mut stream: TcpStream, head: String) {
    let mut read = [0; 4096];
    let _request = stream.read(&mut read).await;
    let _gone = stream.write_all(head.as_bytes()).await;
    while let Ok(1..) = stream.read(&mut read).await {}
}

#[tokio::test]
async fn client_and_server_talk_over_tcp() {
    let (address, _task) = serve("127.0.0.1", echo).await;
    let (mut socket, response) = connect(format!("ws://{address}/")).await.unwrap();
    assert_eq!(response.status(), 101);
    socket.send("Hello").await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap().to_text(), Some("Hello"));
    socket.send(vec![0; 5_000_000]).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap().len(), 5_000_000);
    socket.close(None).await.unwrap();
    assert!(socket.get_ref().get_ref().nodelay().unwrap());
}

/// `localhost` can have two addresses, of which one has no listener.
#[tokio::test]
async fn name_with_several_addresses_is_tried_at_each() {
    let (address, _task) = serve("127.0.0.1", echo).await;
    let address = address.replace("127.0.0.1", "localhost");
    let (mut socket, _) = connect(format!("ws://{address}/")).await.unwrap();
    socket.close(None).await.unwrap();
}

#[tokio::test]
async fn server_that_is_not_there_is_a_temporary_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = connect(format!("ws://{address}/")).await.unwrap_err();
    assert!(matches!(error, Error::Io(_)), "{error:?}");
    assert_eq!((error.fault(), error.is_temporary()), (Fault::Transport, true));
}

#[cfg(feature = "rustls")]
#[tokio::test]
async fn client_and_server_talk_over_tls() {
    use barews_tokio::rustls::crypto::ring::default_provider;
    use barews_tokio::rustls::pki_types::PrivateKeyDer;
    use barews_tokio::rustls::{ClientConfig, RootCertStore, ServerConfig};
    use std::sync::Arc;

    let made = rcgen::generate_simple_self_signed(["localhost".into()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let certificate = made.cert.der().clone();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let config = Arc::new(config.with_single_cert(vec![certificate.clone()], key).unwrap());
    let (address, _task) = serve("127.0.0.1", move |stream| {
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::clone(&config));
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                echo(stream).await;
            }
        }
    })
    .await;
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
    let uri = format!("wss://{}/", address.replace("127.0.0.1", "localhost"));
    let (mut socket, _) = Client::new(&uri).tls(config).connect().await.unwrap();
    socket.send("Hello").await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap().to_text(), Some("Hello"));
    socket.send(vec![0; 3_000_000]).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap().len(), 3_000_000);
    socket.close(None).await.unwrap();

    let error = connect(uri).await.unwrap_err(); // the usual roots do not have the certificate
    assert!(matches!(error, Error::Io(_)), "{error:?}");
}

#[cfg(not(feature = "rustls"))]
#[tokio::test]
async fn wss_needs_the_feature() {
    assert!(matches!(connect("wss://127.0.0.1:1/").await, Err(Error::Tls(_))));
}

#[tokio::test]
async fn client_goes_through_a_proxy() {
    let (target, _task) = serve("127.0.0.1", echo).await;
    let (proxy, _task) = serve("127.0.0.1", |mut stream| async move {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        if !head.contains("Proxy-Authorization: Basic YTpi\r\n") {
            stream.write_all(b"HTTP/1.1 407 x\r\nRetry-After: 3\r\n\r\n").await.unwrap();
            return;
        }
        let mut onward = TcpStream::connect(head.split(' ').nth(1).unwrap()).await.unwrap();
        stream.write_all(b"HTTP/1.0 200 x\r\n\r\n").await.unwrap();
        let _end = copy_bidirectional(&mut stream, &mut onward).await;
    })
    .await;
    let client = Client::new(format!("ws://{target}/"));
    let (mut socket, _) = client.clone().proxy(format!("http://a:b@{proxy}")).connect().await.unwrap();
    socket.send("Hello").await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap().to_text(), Some("Hello"));
    socket.close(None).await.unwrap();
    let error = client.proxy(format!("http://{proxy}")).connect().await.unwrap_err();
    assert!(matches!(error, Error::Proxy { status: 407, retry_after: Some(3) }), "{error:?}");
}

#[tokio::test]
async fn redirects_are_followed_without_secrets_for_others() {
    let (target, _task) = serve("127.0.0.1", |stream| async move {
        let answer = |request: &Request| {
            assert_eq!((request.target(), request.header("authorization")), ("/b/c", None));
            assert_eq!(request.header("x-public"), Some("1"));
            Ok(barews_tokio::Accept::new())
        };
        let _socket = Acceptor::new().accept_with(stream, answer).await.unwrap();
    })
    .await;
    let head = format!("HTTP/1.1 307 x\r\nLocation: http://{target}/b/c\r\nContent-Length: 0\r\n\r\n");
    let (address, _task) = serve("127.0.0.1", move |stream| answer(stream, head.clone())).await;
    let client = Client::new(format!("ws://{address}/a")).bearer("token").unwrap().header("X-Public", "1");
    let (_socket, response) = client.clone().redirects(1).connect().await.unwrap();
    assert_eq!(response.status(), 101);
    let error = client.connect().await.unwrap_err();
    assert!(matches!(&error, Error::Refused(refused) if refused.response.status() == 307), "{error:?}");
}

#[tokio::test]
async fn redirects_have_a_limit() {
    let head = "HTTP/1.1 302 x\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n";
    let (address, _task) = serve("127.0.0.1", move |stream| answer(stream, head.into())).await;
    let error = Client::new(format!("ws://{address}/")).redirects(2).connect().await.unwrap_err();
    let Error::TooManyRedirects(uri) = error else { panic!("{error:?}") };
    assert_eq!(uri, format!("ws://{address}/again"));
}

#[tokio::test]
async fn client_connects_again_after_temporary_errors() {
    let mut attempts = 0;
    let (address, _task) = serve("127.0.0.1", move |stream| {
        attempts += 1;
        let attempt = attempts;
        async move {
            match attempt {
                1 => drop(stream),
                2 => answer(stream, "HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n".into()).await,
                5 => {
                    let _refused = Acceptor::new().accept_with(stream, |_| Err(Refusal::new(404))).await;
                }
                _ => drop(accept(stream).await.unwrap()),
            }
        }
    })
    .await;
    let backoff = Backoff { first: 20, max: 20, ..Backoff::MILLISECONDS };
    let mut connections = Client::new(format!("ws://{address}/")).reconnecting().backoff(backoff);
    assert!(connections.next().await.unwrap().is_err()); // ended
    let busy = connections.next().await.unwrap().unwrap_err();
    assert!(matches!(&busy, Error::Refused(refused) if refused.response.status() == 503), "{busy:?}");
    assert_eq!(connections.failures(), 1); // before the delay of the next attempt
    for _ in 0..2 {
        let (mut socket, _) = connections.next().await.unwrap().unwrap();
        assert!(socket.next().await.unwrap().is_err()); // the server drops it
    }
    let refused = connections.next().await.unwrap().unwrap_err();
    assert!(!refused.is_temporary(), "{refused:?}");
    assert!(connections.next().await.is_none());
}

#[tokio::test]
async fn dropped_next_of_a_reconnecting_client_goes_on() {
    let (address, _task) = serve("127.0.0.1", |stream| async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        echo(stream).await;
    })
    .await;
    let mut connections = Client::new(format!("ws://{address}/")).reconnecting();
    let mut dropped = 0;
    let (mut socket, _) = loop {
        match tokio::time::timeout(Duration::from_millis(5), connections.next()).await {
            Ok(connected) => break connected.unwrap().unwrap(),
            Err(_) => dropped += 1,
        }
    };
    assert!(dropped > 2);
    socket.close(None).await.unwrap();
}
