package tributi;

import javax.xml.bind.annotation.XmlEnum;
import javax.xml.bind.annotation.XmlType;

/** Whether anything is still owed. */
@XmlEnum
@XmlType(name = "stato", namespace = Tributi.NS)
public enum Stato { APERTA, CHIUSA }
