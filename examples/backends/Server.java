// java Server.java: a backend that lets in the gateway alone, and learns from it who calls.
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsExchange;
import com.sun.net.httpserver.HttpsParameters;
import com.sun.net.httpserver.HttpsServer;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.List;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.TrustManagerFactory;

public class Server {
  public static void main(String[] args) throws Exception {
    int port = args.length > 0 ? Integer.parseInt(args[0]) : 9443;
    SSLContext context = makeContext();
    HttpsServer server = HttpsServer.create(new InetSocketAddress("127.0.0.1", port), 0);
    server.setHttpsConfigurator(new HttpsConfigurator(context) {
      @Override
      public void configure(HttpsParameters parameters) {
        SSLParameters tls = context.getDefaultSSLParameters();
        tls.setNeedClientAuth(true);
        parameters.setSSLParameters(tls);
      }
    });
    server.createContext("/", exchange -> serve((HttpsExchange) exchange));
    server.start();
    System.out.println("listening on " + port);
  }

  static void serve(HttpsExchange exchange) throws IOException {
    // Fields are worth what their sender is worth: who else has a certificate of this CA is not believed.
    if (!exchange.getSSLSession().getPeerPrincipal().getName().equals("CN=gateway")) {
      answer(exchange, 403, "{\"error\": \"only the gateway may call\"}");
      return;
    }
    try {
      X509Certificate caller = readClientCert(exchange.getRequestHeaders().get("Client-Cert"));
      String subject = caller.getSubjectX500Principal().getName();
      String json = "{\"language\": \"java\", \"subject\": " + quote(subject) + ", \"spiffe\": " + quote(spiffeOf(caller)) + "}";
      answer(exchange, 200, json);
    } catch (CertificateException | IllegalArgumentException e) {
      answer(exchange, 401, "{\"error\": \"the caller has no certificate\"}");
    }
  }

  /** RFC 9440: the certificate that the gateway has verified, as base64 of its DER between colons. */
  static X509Certificate readClientCert(List<String> fields) throws CertificateException {
    if (fields == null || fields.size() != 1 || !fields.get(0).matches(":[A-Za-z0-9+/=]+:")) {
      throw new CertificateException("there is no Client-Cert");
    }
    String field = fields.get(0);
    byte[] der = Base64.getDecoder().decode(field.substring(1, field.length() - 1));
    return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(der));
  }

  /** Type 6 is a URI (RFC 5280, section 4.2.1.6). */
  static String spiffeOf(X509Certificate certificate) throws CertificateException {
    if (certificate.getSubjectAlternativeNames() == null) return null;
    for (List<?> name : certificate.getSubjectAlternativeNames()) {
      if (name.get(0).equals(6) && name.get(1).toString().startsWith("spiffe:")) return name.get(1).toString();
    }
    return null;
  }

  static void answer(HttpsExchange exchange, int status, String json) throws IOException {
    byte[] body = json.getBytes(StandardCharsets.UTF_8);
    exchange.getResponseHeaders().set("Content-Type", "application/json");
    exchange.sendResponseHeaders(status, body.length);
    exchange.getResponseBody().write(body);
    exchange.close();
  }

  static String quote(String text) {
    return text == null ? "null" : "\"" + text.replace("\\", "\\\\").replace("\"", "\\\"") + "\"";
  }

  static SSLContext makeContext() throws Exception {
    CertificateFactory certificates = CertificateFactory.getInstance("X.509");
    KeyStore own = KeyStore.getInstance("PKCS12");
    own.load(null, null);
    Certificate[] chain;
    try (var file = Files.newInputStream(Path.of("certs/server.crt"))) {
      chain = certificates.generateCertificates(file).toArray(Certificate[]::new);
    }
    own.setKeyEntry("server", readKey(Path.of("certs/server.key")), new char[0], chain);
    KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    keys.init(own, new char[0]);
    KeyStore anchors = KeyStore.getInstance("PKCS12");
    anchors.load(null, null);
    try (var file = Files.newInputStream(Path.of("certs/ca.crt"))) {
      anchors.setCertificateEntry("ca", certificates.generateCertificate(file));
    }
    TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(anchors);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
    return context;
  }

  static PrivateKey readKey(Path path) throws Exception {
    String pem = Files.readString(path).replaceAll("-----[A-Z ]+-----", "").replaceAll("\\s", "");
    return KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(pem)));
  }
}
