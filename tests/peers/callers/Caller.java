import java.io.FileInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/**
 * A department's client on the JDK's own HTTP client, as it comes: it offers h2 in the clear and by ALPN.
 *
 * <p>{@code java Caller.java CA.pem KEY URL…}: asks each URL with GET, then with a POST, which in the clear waits for 100 Continue
 * (over h2 the gateway cannot say it), and prints a line for each answer: status, protocol, body.
 */
public class Caller {
    public static void main(String[] arguments) throws Exception {
        KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
        trusted.load(null, null);
        try (FileInputStream file = new FileInputStream(arguments[0])) {
            trusted.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(file));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(trusted);
        SSLContext tls = SSLContext.getInstance("TLS");
        tls.init(null, trust.getTrustManagers(), null);
        HttpClient client = HttpClient.newBuilder().sslContext(tls).build();
        for (int at = 2; at < arguments.length; at++) {
            HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(arguments[at])).header("X-Api-Key", arguments[1]);
            say(client.send(request.GET().build(), HttpResponse.BodyHandlers.ofString()));
            HttpRequest.BodyPublisher body = HttpRequest.BodyPublishers.ofString("{\"nome\":\"città\"}");
            boolean first = arguments[at].startsWith("http:");
            HttpRequest posted = request.header("Content-Type", "application/json").expectContinue(first).POST(body).build();
            say(client.send(posted, HttpResponse.BodyHandlers.ofString()));
        }
    }

    private static void say(HttpResponse<String> answer) {
        System.out.println(answer.statusCode() + " " + answer.version() + " " + answer.body());
    }
}
