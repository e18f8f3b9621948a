package tributi;

import java.math.BigDecimal;
import java.util.List;
import javax.jws.WebMethod;
import javax.jws.WebParam;
import javax.jws.WebResult;
import javax.jws.WebService;
import javax.xml.datatype.DatatypeConfigurationException;
import javax.xml.datatype.DatatypeFactory;
import javax.xml.datatype.XMLGregorianCalendar;
import javax.xml.ws.RequestWrapper;
import javax.xml.ws.ResponseWrapper;

/** What the office answers. Its wrapper beans are written by hand: the package that makes them needs a library Debian lacks. */
@WebService(name = "Tributi", serviceName = "TributiService", portName = "TributiPort", targetNamespace = Tributi.NS)
public class Tributi {
    static final String NS = "urn:example:comune:tributi:v1";

    @WebMethod(operationName = "leggiPosizione", action = "urn:leggiPosizione")
    @RequestWrapper(localName = "leggiPosizione", targetNamespace = NS, className = "tributi.jaxws.LeggiPosizione")
    @ResponseWrapper(localName = "leggiPosizioneResponse", targetNamespace = NS, className = "tributi.jaxws.LeggiPosizioneResponse")
    @WebResult(name = "posizione")
    public Posizione leggiPosizione(
            @WebParam(name = "codiceFiscale") String codiceFiscale, @WebParam(name = "anno") int anno) throws PosizioneAssente {
        Posizione posizione = new Posizione();
        posizione.codiceFiscale = codiceFiscale;
        posizione.anno = anno;
        switch (codiceFiscale) {
            case "RSSMRA80A01H501U" -> {
                // Digits that no binary float keeps, and zeros at the end that an amount does not lose.
                posizione.saldo = new BigDecimal("-98765432109876543210.123456789012345678900");
                posizione.stato = Stato.APERTA;
                posizione.rate.add(rata(1, "1000.10", "2026-06-16", true));
                posizione.rate.add(rata(2, "0.00", "2026-12-16", false));
            }
            case "DMCLCU75D41F205Z" -> {
                posizione.saldo = new BigDecimal("1E+3");
                posizione.stato = Stato.CHIUSA;
                posizione.nota = "a < b & c > d ]]> \"e\"";
                posizione.rate.add(rata(1, "1000", "2026-06-16", true));
            }
            case "BNCGNN31P12D612Q" -> {
                posizione.saldo = BigDecimal.ZERO;
                posizione.stato = Stato.CHIUSA;
            }
            default -> throw new PosizioneAssente("posizione assente", new PosizioneAssenteInfo(codiceFiscale, anno));
        }
        return posizione;
    }

    @WebMethod(operationName = "sommaImporti", action = "urn:sommaImporti")
    @RequestWrapper(localName = "sommaImporti", targetNamespace = NS, className = "tributi.jaxws.SommaImporti")
    @ResponseWrapper(localName = "sommaImportiResponse", targetNamespace = NS, className = "tributi.jaxws.SommaImportiResponse")
    @WebResult(name = "totale")
    public BigDecimal sommaImporti(@WebParam(name = "importo") List<BigDecimal> importo) {
        return importo == null ? BigDecimal.ZERO : importo.stream().reduce(BigDecimal.ZERO, BigDecimal::add);
    }

    private static Rata rata(int numero, String importo, String scadenza, boolean pagata) {
        Rata rata = new Rata();
        rata.numero = numero;
        rata.importo = new BigDecimal(importo);
        rata.scadenza = day(scadenza);
        rata.pagata = pagata;
        return rata;
    }

    private static XMLGregorianCalendar day(String text) {
        try {
            return DatatypeFactory.newInstance().newXMLGregorianCalendar(text);
        } catch (DatatypeConfigurationException broken) {
            throw new IllegalStateException(broken);
        }
    }
}
