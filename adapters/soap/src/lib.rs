//! SOAP upstreams: WSDL and XML Schema compiled into mapping plans between JSON and XML.
