package tributi;

import com.sun.net.httpserver.Filter;
import com.sun.net.httpserver.HttpContext;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.ByteArrayInputStream;
import java.io.FileWriter;
import java.io.IOException;
import java.io.Writer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.concurrent.Executors;
import javax.xml.stream.XMLInputFactory;
import javax.xml.stream.XMLStreamException;
import javax.xml.stream.XMLStreamReader;
import javax.xml.ws.Endpoint;

/**
 * A revenue office run by the JAX-WS reference implementation: SOAP 1.1 at /tributi, SOAP 1.2 at /tributi12, each with its ?wsdl.
 *
 * <p>Prints {@code ready PORT} once it serves. Each SOAP request adds one line to the log before anything is done: the name of
 * the operation in its body, or {@code unreadable}.
 */
public final class Department {
    private static final String SOAP12 = "http://java.sun.com/xml/ns/jaxws/2003/05/soap/bindings/HTTP/";

    public static void main(String[] arguments) throws Exception {
        int port = 0;
        String log = null;
        boolean untilEof = false;
        for (int i = 0; i < arguments.length; i++) {
            switch (arguments[i]) {
                case "--port" -> port = Integer.parseInt(arguments[++i]);
                case "--log" -> log = arguments[++i];
                case "--until-eof" -> untilEof = true;
                default -> throw new IllegalArgumentException(arguments[i]);
            }
        }
        Writer witness = new FileWriter(log, true);
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), port), 128);
        server.setExecutor(Executors.newFixedThreadPool(4));
        publish(server, "/tributi", Endpoint.create(new Tributi()), witness);
        publish(server, "/tributi12", Endpoint.create(SOAP12, new Tributi()), witness);
        server.start();
        System.out.println("ready " + server.getAddress().getPort());
        System.out.flush();
        if (untilEof) {
            while (System.in.read() >= 0) { }
            System.exit(0);
        }
    }

    private static void publish(HttpServer server, String path, Endpoint endpoint, Writer witness) {
        HttpContext context = server.createContext(path);
        context.getFilters().add(new Witness(witness));
        endpoint.publish(context);
    }

    /** Writes the operation down, then lets the request through. */
    private static final class Witness extends Filter {
        private final Writer file;

        Witness(Writer file) {
            this.file = file;
        }

        @Override
        public String description() {
            return "witness";
        }

        @Override
        public void doFilter(HttpExchange exchange, Chain chain) throws IOException {
            if (exchange.getRequestMethod().equals("POST")) {
                byte[] body = exchange.getRequestBody().readAllBytes();
                synchronized (file) {
                    file.write(operation(body) + "\n");
                    file.flush();
                }
                exchange.setStreams(new ByteArrayInputStream(body), null);
            }
            chain.doFilter(exchange);
        }

        private static String operation(byte[] body) {
            XMLInputFactory factory = XMLInputFactory.newInstance();
            factory.setProperty(XMLInputFactory.SUPPORT_DTD, false);
            try {
                XMLStreamReader reader = factory.createXMLStreamReader(new ByteArrayInputStream(body));
                boolean inBody = false;
                while (reader.hasNext()) {
                    if (reader.next() == XMLStreamReader.START_ELEMENT) {
                        if (inBody) {
                            return reader.getLocalName();
                        }
                        inBody = reader.getLocalName().equals("Body");
                    }
                }
            } catch (XMLStreamException unreadable) {
                // Falls through: whatever it is, it did arrive.
            }
            return "unreadable";
        }
    }
}
