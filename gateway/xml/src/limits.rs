/// How much of a message is read before it is refused. The size of the whole is the proxy's to bound.
#[derive(Clone, Copy, Debug)]
pub struct XmlLimits {
    /// How deep elements may nest.
    pub depth: usize,
    /// How many elements a message may have.
    pub elements: usize,
    /// How many elements an element may have directly in it: the longest array.
    pub children: usize,
    /// How many attributes, declarations included, an element may have.
    pub attributes: usize,
    /// How many bytes an attribute's value may have.
    pub attribute_bytes: usize,
    /// How many namespace declarations may be in scope at once.
    pub namespaces: usize,
    /// How many namespace declarations a message may have.
    pub declarations: usize,
    /// How many bytes a name may have.
    pub name_bytes: usize,
    /// How many bytes the text directly in an element may have, all of its pieces together.
    pub text_bytes: usize,
}

impl Default for XmlLimits {
    fn default() -> Self {
        Self {
            depth: 64,
            elements: 100_000,
            children: 10_000,
            attributes: 64,
            attribute_bytes: 64 << 10,
            namespaces: 256,
            declarations: 1000,
            name_bytes: 1 << 10,
            text_bytes: 10 << 20,
        }
    }
}
