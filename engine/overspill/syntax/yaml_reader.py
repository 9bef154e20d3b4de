def read_yaml(source): raise NotImplementedError
