document.title = "coindex";
