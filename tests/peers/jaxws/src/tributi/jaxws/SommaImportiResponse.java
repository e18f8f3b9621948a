package tributi.jaxws;

import java.math.BigDecimal;
import javax.xml.bind.annotation.XmlAccessType;
import javax.xml.bind.annotation.XmlAccessorType;
import javax.xml.bind.annotation.XmlElement;
import javax.xml.bind.annotation.XmlRootElement;
import javax.xml.bind.annotation.XmlType;

@XmlAccessorType(XmlAccessType.FIELD)
@XmlRootElement(name = "sommaImportiResponse", namespace = "urn:example:comune:tributi:v1")
@XmlType(name = "sommaImportiResponse", namespace = "urn:example:comune:tributi:v1", propOrder = {"totale"})
public class SommaImportiResponse {
    @XmlElement(name = "totale", required = true)
    private BigDecimal totale;

    public BigDecimal getTotale() {
        return totale;
    }

    public void setTotale(BigDecimal totale) {
        this.totale = totale;
    }
}
