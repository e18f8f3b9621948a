//! A local PDND and a legacy SOAP department, for trials and tests.
