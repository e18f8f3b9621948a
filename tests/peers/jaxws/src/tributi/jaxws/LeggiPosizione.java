package tributi.jaxws;

import javax.xml.bind.annotation.XmlAccessType;
import javax.xml.bind.annotation.XmlAccessorType;
import javax.xml.bind.annotation.XmlElement;
import javax.xml.bind.annotation.XmlRootElement;
import javax.xml.bind.annotation.XmlType;

@XmlAccessorType(XmlAccessType.FIELD)
@XmlRootElement(name = "leggiPosizione", namespace = "urn:example:comune:tributi:v1")
@XmlType(name = "leggiPosizione", namespace = "urn:example:comune:tributi:v1", propOrder = {"codiceFiscale", "anno"})
public class LeggiPosizione {
    @XmlElement(name = "codiceFiscale", required = true)
    private String codiceFiscale;

    @XmlElement(name = "anno")
    private int anno;

    public String getCodiceFiscale() {
        return codiceFiscale;
    }

    public void setCodiceFiscale(String codiceFiscale) {
        this.codiceFiscale = codiceFiscale;
    }

    public int getAnno() {
        return anno;
    }

    public void setAnno(int anno) {
        this.anno = anno;
    }
}
