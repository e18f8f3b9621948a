package tributi.jaxws;

import tributi.Posizione;
import javax.xml.bind.annotation.XmlAccessType;
import javax.xml.bind.annotation.XmlAccessorType;
import javax.xml.bind.annotation.XmlElement;
import javax.xml.bind.annotation.XmlRootElement;
import javax.xml.bind.annotation.XmlType;

@XmlAccessorType(XmlAccessType.FIELD)
@XmlRootElement(name = "leggiPosizioneResponse", namespace = "urn:example:comune:tributi:v1")
@XmlType(name = "leggiPosizioneResponse", namespace = "urn:example:comune:tributi:v1", propOrder = {"posizione"})
public class LeggiPosizioneResponse {
    @XmlElement(name = "posizione", required = true)
    private Posizione posizione;

    public Posizione getPosizione() {
        return posizione;
    }

    public void setPosizione(Posizione posizione) {
        this.posizione = posizione;
    }
}
