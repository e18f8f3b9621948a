package tributi;

import javax.xml.bind.annotation.XmlAccessType;
import javax.xml.bind.annotation.XmlAccessorType;
import javax.xml.bind.annotation.XmlElement;
import javax.xml.bind.annotation.XmlRootElement;
import javax.xml.bind.annotation.XmlType;

/** What the fault says. */
@XmlAccessorType(XmlAccessType.FIELD)
@XmlRootElement(name = "PosizioneAssente", namespace = Tributi.NS)
@XmlType(name = "posizioneAssente", namespace = Tributi.NS, propOrder = {"codiceFiscale", "anno"})
public class PosizioneAssenteInfo {
    @XmlElement(required = true)
    public String codiceFiscale;

    public int anno;

    public PosizioneAssenteInfo() { }

    public PosizioneAssenteInfo(String codiceFiscale, int anno) {
        this.codiceFiscale = codiceFiscale;
        this.anno = anno;
    }
}
