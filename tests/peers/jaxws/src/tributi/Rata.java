package tributi;

import java.math.BigDecimal;
import javax.xml.bind.annotation.XmlAccessType;
import javax.xml.bind.annotation.XmlAccessorType;
import javax.xml.bind.annotation.XmlElement;
import javax.xml.bind.annotation.XmlSchemaType;
import javax.xml.bind.annotation.XmlType;
import javax.xml.datatype.XMLGregorianCalendar;

/** One instalment. */
@XmlAccessorType(XmlAccessType.FIELD)
@XmlType(name = "rata", namespace = Tributi.NS, propOrder = {"numero", "importo", "scadenza", "pagata"})
public class Rata {
    public int numero;

    @XmlElement(required = true)
    public BigDecimal importo;

    @XmlElement(required = true)
    @XmlSchemaType(name = "date")
    public XMLGregorianCalendar scadenza;

    public boolean pagata;
}
