package tributi.jaxws;

import java.math.BigDecimal;
import java.util.List;
import javax.xml.bind.annotation.XmlAccessType;
import javax.xml.bind.annotation.XmlAccessorType;
import javax.xml.bind.annotation.XmlElement;
import javax.xml.bind.annotation.XmlRootElement;
import javax.xml.bind.annotation.XmlType;

@XmlAccessorType(XmlAccessType.FIELD)
@XmlRootElement(name = "sommaImporti", namespace = "urn:example:comune:tributi:v1")
@XmlType(name = "sommaImporti", namespace = "urn:example:comune:tributi:v1", propOrder = {"importo"})
public class SommaImporti {
    @XmlElement(name = "importo")
    private List<BigDecimal> importo;

    public List<BigDecimal> getImporto() {
        return importo;
    }

    public void setImporto(List<BigDecimal> importo) {
        this.importo = importo;
    }
}
