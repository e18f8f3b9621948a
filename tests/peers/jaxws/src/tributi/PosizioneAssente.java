package tributi;

import javax.xml.ws.WebFault;

/** The declared fault: nobody of that code has an account for that year. */
@WebFault(name = "PosizioneAssente", targetNamespace = Tributi.NS, faultBean = "tributi.PosizioneAssenteInfo")
public class PosizioneAssente extends Exception {
    private static final long serialVersionUID = 1L;
    private final transient PosizioneAssenteInfo info;

    public PosizioneAssente(String message, PosizioneAssenteInfo info) {
        super(message);
        this.info = info;
    }

    public PosizioneAssenteInfo getFaultInfo() {
        return info;
    }
}
