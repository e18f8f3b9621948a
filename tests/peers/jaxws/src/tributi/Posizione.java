package tributi;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import javax.xml.bind.annotation.XmlAccessType;
import javax.xml.bind.annotation.XmlAccessorType;
import javax.xml.bind.annotation.XmlAttribute;
import javax.xml.bind.annotation.XmlElement;
import javax.xml.bind.annotation.XmlType;

/** A taxpayer's account; the year is an attribute, the note is often not there. */
@XmlAccessorType(XmlAccessType.FIELD)
@XmlType(name = "posizione", namespace = Tributi.NS, propOrder = {"codiceFiscale", "saldo", "stato", "nota", "rate"})
public class Posizione {
    @XmlAttribute(required = true)
    public int anno;

    @XmlElement(required = true)
    public String codiceFiscale;

    @XmlElement(required = true)
    public BigDecimal saldo;

    @XmlElement(required = true)
    public Stato stato;

    @XmlElement
    public String nota;

    @XmlElement(name = "rata")
    public List<Rata> rate = new ArrayList<>();
}
